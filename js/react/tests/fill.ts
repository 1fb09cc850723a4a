// Carries out a plan in jsdom, as a person would: what they click on, type and choose.
import { fireEvent, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { Action } from "./plan.js";

export async function carryOut(box: HTMLElement, actions: Action[]): Promise<void> {
  const user = userEvent.setup();
  for (const action of actions) {
    const group = (kind = "") => find(box, `fieldset${kind}[data-bide-pointer=${quoted(action.pointer)}]`);
    const control = () => find(box, `:is(input, textarea, select)[data-bide-pointer=${quoted(action.pointer)}]`);
    switch (action.do) {
      case "fill":
        await fill(user, control() as HTMLInputElement, action.text);
        break;
      case "select":
        await user.selectOptions(control(), action.label);
        break;
      case "variant":
        await user.selectOptions(find(group("[data-bide-field=union]"), "select"), action.label);
        break;
      case "radio":
        await user.click(within(group()).getByRole("radio", { name: action.label }));
        break;
      case "tick":
        if ((control() as HTMLInputElement).checked !== action.on) await user.click(control());
        break;
      case "pick":
        await user.click(within(group()).getByRole("checkbox", { name: action.label }));
        break;
      case "duration":
        for (const [n, input] of [...group().querySelectorAll("input")].entries()) {
          await fill(user, input, action.parts[n] ?? "");
        }
        break;
      case "add":
        await user.click(last(group(LISTS).querySelectorAll<HTMLElement>("[data-bide-do=add]")));
        break;
      case "remove":
        await user.click(within(group(LISTS)).getByRole("button", { name: action.name }));
        break;
    }
  }
}

/** A list inside a union shares its pointer with the frame around. */
const LISTS = ":not([data-bide-field=union])";

async function fill(user: ReturnType<typeof userEvent.setup>, input: HTMLInputElement, text: string): Promise<void> {
  // jsdom has no pickers: what they would set is set.
  if (/^(date|time|datetime-local)$/.test(input.type)) {
    fireEvent.change(input, { target: { value: text } });
    return;
  }
  await user.clear(input);
  if (text) await user.click(input);
  if (text) await user.paste(text);
}

function find(box: HTMLElement, selector: string): HTMLElement {
  const found = box.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`Nothing is ${selector} in: ${box.innerHTML.slice(0, 3_000)}`);
  return found;
}

function last(found: NodeListOf<HTMLElement>): HTMLElement {
  const element = found[found.length - 1];
  if (!element) throw new Error("There is no button to add with.");
  return element;
}

function quoted(pointer: string): string {
  return JSON.stringify(pointer);
}
