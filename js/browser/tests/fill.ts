// Carries out a plan in a real browser.
import type { Locator, Page } from "playwright-core";
import type { Action } from "../../react/tests/plan.js";

export async function carryOut(page: Page, actions: Action[]): Promise<void> {
  for (const action of actions) {
    const at = `[data-bide-pointer=${JSON.stringify(action.pointer)}]`;
    const control = page.locator(`:is(input, textarea, select)${at}`);
    // A list inside a union shares its pointer with the frame around.
    const group = page.locator(`fieldset:not([data-bide-field=union])${at}`);
    switch (action.do) {
      case "fill":
        await control.fill(action.text);
        break;
      case "select":
        await control.selectOption({ label: action.label });
        break;
      case "variant":
        await page
          .locator(`fieldset[data-bide-field=union]${at} > .bide-field > select`)
          .selectOption({ label: action.label });
        break;
      case "radio":
        await named(group, "radio", action.label).check();
        break;
      case "tick":
        await control.setChecked(action.on);
        break;
      case "pick":
        await named(group, "checkbox", action.label).setChecked(action.on);
        break;
      case "duration":
        for (const [n, part] of action.parts.entries()) await group.locator("input").nth(n).fill(part);
        break;
      case "add":
        await group.locator("[data-bide-do=add]").last().click();
        break;
      case "remove":
        await group.getByRole("button", { name: action.name, exact: true }).click();
        break;
    }
  }
}

function named(group: Locator, role: "radio" | "checkbox", name: string): Locator {
  return group.getByRole(role, { name, exact: true });
}
