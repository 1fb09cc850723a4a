import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterAll, expect, test } from "vitest";
import { type Json, stringify } from "../src/form/json.js";
import { SchemaForm } from "../src/form/SchemaForm.js";
import { SchemaRoot } from "../src/form/schema.js";
import { carryOut } from "./fill.js";
import { Judge } from "./judge.js";
import { planOf } from "./plan.js";

const judge = new Judge();
const cases = await judge.cases();
afterAll(() => judge.end());

test("there are forty models, and three beyond", () => {
  expect(cases).toHaveLength(43);
});

test.for(cases)("$name is rendered, filled in, and accepted by the model", async ({ name, schema, answer }) => {
  let given: Json | undefined;
  const { container } = render(
    <SchemaForm
      schema={schema}
      label={name}
      onSubmit={(value) => {
        given = value;
      }}
    />,
  );
  await carryOut(container, planOf(new SchemaRoot(schema), answer));
  await userEvent.click(screen.getByRole("button", { name: "Send answer" }));

  const told = [...container.querySelectorAll("[data-bide-errors]")].map((error) => error.textContent);
  expect(told).toEqual([]);
  expect(container.querySelectorAll("[style]")).toHaveLength(0);
  expect(await judge.verdict(name, stringify(given as Json))).toBeNull();
});

test.for(cases)("$name comes back as it was given", async ({ name, schema, answer }) => {
  let given: Json | undefined;
  const { container } = render(
    <SchemaForm
      schema={schema}
      initial={answer}
      label={name}
      onSubmit={(value) => {
        given = value;
      }}
    />,
  );
  await userEvent.click(screen.getByRole("button", { name: "Send answer" }));
  expect([...container.querySelectorAll("[data-bide-errors]")].map((error) => error.textContent)).toEqual([]);
  expect(await judge.verdict(name, stringify(given as Json))).toBeNull();
});
