import { describe, expect, test } from "vitest";
import { plainText, renderMarkdown } from "../src/markdown/render.js";

function rendered(text: string): HTMLElement {
  const box = document.createElement("div");
  box.innerHTML = renderMarkdown(text, 3);
  return box;
}

describe("Markdown", () => {
  test("an image is a link, by what it shows or where it is", () => {
    const box = rendered('![a "cup"](https://a.example/x.png "T") and ![](https://b.example/)');
    expect(box.textContent).toBe('a "cup" and https://b.example/');
    expect([...box.querySelectorAll("a")].map(({ href }) => href)).toEqual([
      "https://a.example/x.png",
      "https://b.example/",
    ]);
  });

  test("is a text where nothing else can be shown", () => {
    expect(plainText("# Tea & *cake*\n\n1. `<b>` ![cup](https://a.example/)").split("\n")).toEqual([
      "Tea & cake",
      "",
      "<b> cup",
      "",
    ]);
  });

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
