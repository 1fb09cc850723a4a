import AxeBuilder from "@axe-core/playwright";
import type { Page } from "playwright-core";

/** What axe finds, with every rule it has but the experimental ones: the best practices too. */
export async function violations(page: Page): Promise<[rule: string, where: string[]][]> {
  const found = await new AxeBuilder({ page }).analyze();
  return found.violations.map(({ id, nodes }) => [
    id,
    nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary}`),
  ]);
}
