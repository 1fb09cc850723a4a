import AxeBuilder from "@axe-core/playwright";
import type { Page } from "playwright-core";

/** Rules that axe leaves out unless it is told to use them: the size of what a finger is to meet, and ids. */
const rules = Object.fromEntries(
  ["target-size", "duplicate-id", "duplicate-id-active", "identical-links-same-purpose"].map((rule) => [
    rule,
    { enabled: true },
  ]),
);

/** What axe finds, with no rule disabled and the best practices too; but the experimental ones, and the contrast of AAA. */
export async function violations(page: Page): Promise<[rule: string, where: string[]][]> {
  const found = await new AxeBuilder({ page }).options({ rules }).analyze();
  return found.violations.map(({ id, nodes }) => [
    id,
    nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary}`),
  ]);
}
