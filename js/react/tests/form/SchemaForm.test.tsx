import { fireEvent, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { describe, expect, test } from "vitest";
import {
  BideTexts,
  type FieldProps,
  type Json,
  Labelled,
  ptBR,
  type Schema,
  SchemaForm,
  type SchemaFormProps,
  type ServerError,
} from "../../src/index.js";

const OBJECT = (properties: Record<string, Schema>, required: string[] = Object.keys(properties)): Schema => ({
  type: "object",
  properties,
  required,
});

function show(schema: Schema, props: Partial<SchemaFormProps> = {}, around = (form: ReactNode) => form) {
  const given: Json[] = [];
  const form = (more: Partial<SchemaFormProps> = {}) =>
    around(<SchemaForm schema={schema} label="A form" onSubmit={(value) => given.push(value)} {...props} {...more} />);
  const { container, rerender } = render(form());
  const user = userEvent.setup();
  const send = () => user.click(container.querySelector('button[type="submit"]') as HTMLElement);
  return { given, container, user, send, rerender: (more: Partial<SchemaFormProps>) => rerender(form(more)) };
}

describe("labels and descriptions", () => {
  test("each control has a name, and is described by its hint and its error", async () => {
    const { send } = show(OBJECT({ full_name: { type: "string", description: "As in the passport.", maxLength: 9 } }));
    const input = screen.getByLabelText("Full name");
    expect(input.getAttribute("aria-required")).toBe("true");
    expect(described(input)).toBe("As in the passport.At most 9 characters");
    expect(input.getAttribute("aria-invalid")).toBeNull();
    await send();
    expect(input.getAttribute("aria-invalid")).toBe("true");
    expect(described(input)).toContain("Error: Fill this in.");
    expect(document.activeElement).toBe(input);
  });

  test("a property's own title goes before its name, a model's does not", () => {
    show({
      ...OBJECT({ a: { type: "string", title: "Mine" }, home_address: { $ref: "#/$defs/Address" } }),
      $defs: { Address: OBJECT({ street: { type: "string" } }) },
    });
    screen.getByLabelText("Mine");
    screen.getByRole("group", { name: "Home address" });
  });

  test("what may be left out, and what is no longer used, is said", () => {
    show(OBJECT({ a: { type: "string" }, b: { type: "string", deprecated: true } }, ["b"]));
    screen.getByLabelText("A (optional)");
    screen.getByLabelText("B (no longer used)");
  });

  test("groups have legends, and choices are radio groups", () => {
    show(
      OBJECT({
        size: { enum: ["s", "m"] },
        pair: { type: "array", prefixItems: [{ type: "string" }], minItems: 1, maxItems: 1 },
      }),
    );
    const radios = screen.getByRole("radiogroup", { name: "Size" });
    expect(radios.getAttribute("aria-required")).toBe("true");
    screen.getByRole("group", { name: "Pair" });
  });
});

describe("errors", () => {
  test("nothing is said before somebody tries; then each is, and goes as it is mended", async () => {
    const { given, user, send, container } = show(
      OBJECT({ a: { type: "string" }, n: { type: "integer", minimum: 3 } }),
    );
    await user.type(screen.getByLabelText("N"), "1");
    expect(container.querySelector("[data-bide-errors]")).toBeNull();
    await send();
    expect(errors(container)).toEqual(["Error: Fill this in.", "Error: At least 3."]);
    await user.type(screen.getByLabelText("A"), "x");
    expect(errors(container)).toEqual(["Error: At least 3."]);
    await user.type(screen.getByLabelText("N"), "2");
    await send();
    expect(given).toEqual([{ a: "x", n: 12 }]);
  });

  test("of the server appear at their fields, the first has the focus, and each goes when its field changes", async () => {
    const refused: ServerError[] = [
      { path: "/b/1", message: "too dull" },
      { path: "/a", message: "taken" },
      { path: "", message: "not today" },
    ];
    const { rerender, user, container } = show(
      OBJECT({ a: { type: "string" }, b: { type: "array", items: { type: "string" } } }),
      { initial: { a: "x", b: ["y", "z"] } },
    );
    rerender({ errors: refused });
    expect(document.activeElement).toBe(screen.getByLabelText("A"));
    expect(described(screen.getByLabelText("A"))).toContain("taken");
    expect(described(screen.getByLabelText("Item 2"))).toContain("too dull");
    expect(errors(container)).toContain("Error: not today");
    await user.type(screen.getByLabelText("A"), "!");
    // What was said of the whole may be true no more either.
    expect(errors(container)).toEqual(["Error: too dull"]);
    expect(described(screen.getByLabelText("A"))).not.toContain("taken");
    // The same refusal again is a new one.
    rerender({ errors: [...refused] });
    expect(described(screen.getByLabelText("A"))).toContain("taken");
  });

  test("half a date is told from none", async () => {
    const { send, given, container } = show(OBJECT({ day: { type: "string", format: "date" } }, []));
    const input = screen.getByLabelText("Day (optional)") as HTMLInputElement;
    Object.defineProperty(input, "validity", { configurable: true, value: { badInput: true } });
    await send();
    expect(errors(container)).toEqual(["Error: This is incomplete."]);
    expect(given).toEqual([]);
    Object.defineProperty(input, "validity", { configurable: true, value: { badInput: false } });
    fireEvent.change(input, { target: { value: "2026-01-02" } });
    await send();
    expect(given).toEqual([{ day: "2026-01-02" }]);
  });
});

describe("lists", () => {
  test("items are added, moved and removed; the focus stays near, and what happened is said", async () => {
    const { given, user, send } = show(OBJECT({ tags: { type: "array", items: { type: "string" } } }), {
      initial: { tags: ["a", "b"] },
    });
    await user.click(screen.getByRole("button", { name: "Add item" }));
    expect(document.activeElement).toBe(screen.getByLabelText("Item 3"));
    expect(screen.getByRole("status").textContent).toBe("Item 3 added.");
    await user.keyboard("c");
    await user.click(screen.getByRole("button", { name: "Move Item 3 up" }));
    expect(screen.getByRole("status").textContent).toBe("Item 3 is now at position 2 of 3.");
    expect(document.activeElement).toBe(screen.getByRole("button", { name: "Move Item 2 up" }));
    await user.keyboard("{Enter}");
    expect(document.activeElement).toBe(screen.getByRole("button", { name: "Move Item 1 down" }));
    await user.click(screen.getByRole("button", { name: "Remove Item 2" }));
    expect(screen.getByRole("status").textContent).toBe("Item 2 removed.");
    expect(document.activeElement).toBe(screen.getByRole("button", { name: "Remove Item 2" }));
    await send();
    expect(given).toEqual([{ tags: ["c", "b"] }]);
  });

  test("no more than allowed can be added", async () => {
    const { user } = show(OBJECT({ tags: { type: "array", items: { type: "string" }, maxItems: 1 } }));
    await user.click(screen.getByRole("button", { name: "Add item" }));
    expect(screen.queryByRole("button", { name: "Add item" })).toBeNull();
  });
});

describe("parts", () => {
  test("a model that may be left out is added and removed", async () => {
    const { given, user, send } = show(
      OBJECT({ home: { anyOf: [OBJECT({ street: { type: "string" } }), { type: "null" }] } }),
    );
    await user.click(screen.getByRole("button", { name: "Add Home" }));
    await user.type(screen.getByLabelText("Street"), "Rua A");
    await send();
    await user.click(screen.getByRole("button", { name: "Remove Home" }));
    await send();
    expect(given).toEqual([{ home: { street: "Rua A" } }, { home: null }]);
  });

  test("who changes a variant and comes back finds what they wrote", async () => {
    const { user, given, send } = show(OBJECT({ x: { anyOf: [{ type: "string" }, { type: "integer" }] } }));
    await user.type(screen.getByLabelText("Text"), "hello");
    await user.selectOptions(screen.getByLabelText("Kind"), "Whole number");
    await user.selectOptions(screen.getByLabelText("Kind"), "Text");
    await send();
    expect(given).toEqual([{ x: "hello" }]);
  });

  test("an unknown part is JSON: shown, checked, and sent", async () => {
    const { given, user, send, container } = show(OBJECT({ odd: { type: "string", not: {} }, any: {} }), {
      initial: { odd: "kept", any: { n: 1 } },
    });
    const odd = screen.getByLabelText("Odd") as HTMLTextAreaElement;
    expect(odd.value).toBe('"kept"');
    await user.clear(odd);
    await user.paste('{"a": [1, 2');
    await send();
    expect(errors(container)).toEqual(["Error: This is not JSON: see line 1, column 12."]);
    expect(document.activeElement).toBe(odd);
    await user.paste("]}");
    await send();
    expect(given).toEqual([{ odd: { a: [1, 2] }, any: { n: 1 } }]);
  });

  test("a whole schema that is not known is one JSON field", async () => {
    const { given, user, send } = show({ type: "tensor" });
    await user.click(screen.getByLabelText("A form"));
    await user.paste("[1]");
    await send();
    expect(given).toEqual([[1]]);
  });

  test("nothing is sent while an answer is under way", async () => {
    const { given, send, container } = show(OBJECT({}), { busy: true });
    await send();
    expect(given).toEqual([]);
    expect(container.querySelector("form")?.getAttribute("aria-busy")).toBe("true");
  });
});

test("numbers are written with a comma where people do", async () => {
  const { given, user, send } = show(OBJECT({ n: { type: "number" } }), { initial: { n: 0.5 } }, (form) => (
    <BideTexts texts={ptBR}>{form}</BideTexts>
  ));
  const input = screen.getByLabelText("N") as HTMLInputElement;
  expect(input.value).toBe("0,5");
  await user.clear(input);
  await user.type(input, "2,25");
  await send();
  expect(given).toEqual([{ n: 2.25 }]);
});

test("a field of your own takes the place of ours", async () => {
  const { given, user, send } = show(OBJECT({ n: { type: "integer" } }), { components: { number: Stars } });
  await user.click(screen.getByText("five stars"));
  await send();
  expect(given).toEqual([{ n: 5 }]);
});

test("a secret is not shown, and Markdown has a preview", async () => {
  const { user } = show(
    OBJECT({
      key: { type: "string", format: "password", writeOnly: true },
      body: { type: "string", format: "markdown" },
    }),
  );
  expect(screen.getByLabelText("Key").getAttribute("type")).toBe("password");
  await user.type(screen.getByLabelText("Body"), "**bold**");
  const preview = screen.getByText("Preview").closest("details") as HTMLElement;
  expect(within(preview).getByText("bold").localName).toBe("strong");
});

function described(element: HTMLElement): string {
  const ids = element.getAttribute("aria-describedby")?.split(" ") ?? [];
  return ids.map((id) => document.getElementById(id)?.textContent ?? `${id} is missing`).join(" ");
}

function errors(container: HTMLElement): (string | null)[] {
  return [...container.querySelectorAll("[data-bide-errors] p")].map((error) => error.textContent);
}

function Stars(props: FieldProps) {
  return (
    <Labelled {...props}>
      {(control) => (
        <button type="button" id={control.id} onClick={() => props.onChange({ kind: "text", text: "5" })}>
          five stars
        </button>
      )}
    </Labelled>
  );
}
