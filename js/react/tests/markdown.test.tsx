import { describe, expect, test } from "vitest";
import { renderMarkdown } from "../src/markdown/render.js";

function rendered(text: string): HTMLElement {
  const box = document.createElement("div");
  box.innerHTML = renderMarkdown(text, 3);
  return box;
}

describe("Markdown", () => {
  test.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a <b onclick=x>b</b>",
    "[x](javascript:alert(1))",
    "[x](data:text/html,x)",
    "<javascript:alert(1)>",
    "![x](https://evil.example/?secret)",
    "![x][ref]\n\n[ref]: https://evil.example/",
    "<svg><style>*{}</style></svg>",
    '`<a href="javascript:1">`',
    "[x](https://a.example \"onclick='1'\")",
    '<a href="x" style="color:red">',
  ])("cannot do harm: %s", (text) => {
    const box = rendered(text);
    expect(box.querySelector("script, img, svg, style, iframe, b")).toBeNull();
    expect(box.querySelector("[style], [onclick], [onerror]")).toBeNull();
    for (const link of box.querySelectorAll("a")) {
      expect(link.getAttribute("href")).toMatch(/^(https?:|$)/);
      expect(link.rel).toBe("noopener noreferrer");
      expect(link.target).toBe("_blank");
    }
  });

  test("headings begin at their level, and none is left out", () => {
    const levels = [...rendered("# A\n\n### B\n\n#### C\n\n## D\n\n# E").querySelectorAll("h1, h2, h3, h4, h5, h6")];
    expect(levels.map(({ localName, textContent }) => `${localName} ${textContent}`)).toEqual([
      "h3 A",
      "h4 B",
      "h5 C",
      "h4 D",
      "h3 E",
    ]);
    expect(rendered("### only").firstElementChild?.localName).toBe("h3");
  });
});
