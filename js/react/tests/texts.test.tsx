import type { Prompt } from "@bide/client";
import { render, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { BideTexts, en, JobPromptView, ptBR, type Texts } from "../src/index.js";
import { decimalOf, formatPercent, formatRelative } from "../src/texts/format.js";

const NOW = Date.parse("2026-11-25T12:00:00Z");

const ASKED: Prompt = {
  id: "0192-1",
  job_id: "0192-0",
  key: "k",
  kind: "confirm",
  data: { summary: "s" },
  schema: {},
  status: "open",
  opened_at: "2026-01-01T00:00:00Z",
};

describe("texts", () => {
  test("every one is there in Portuguese too, and is not the English one by mistake", () => {
    const same: string[] = [];
    const walk = (a: object, b: object, path: string) => {
      expect(Object.keys(b), path).toEqual(Object.keys(a));
      for (const [name, value] of Object.entries(a)) {
        const other = (b as Record<string, unknown>)[name];
        expect(typeof other, `${path}.${name}`).toBe(typeof value);
        if (typeof value === "object") walk(value as object, other as object, `${path}.${name}`);
        else if (typeof value === "string" && value === other) same.push(`${path}.${name}`);
      }
    };
    walk(en, ptBR, "");
    expect(same).toEqual([".form.one"]);
  });

  test.each<[Texts, string, string]>([
    [en, "1 open question", "2 open questions"],
    [ptBR, "1 pergunta em aberto", "2 perguntas em aberto"],
  ])("plurals", (texts, one, two) => {
    expect(texts.inbox.count(1)).toBe(one);
    expect(texts.inbox.count(2)).toBe(two);
  });

  test("numbers and dates are written as the reader's language writes them", () => {
    expect(decimalOf("en")).toBe(".");
    expect(decimalOf("pt-BR")).toBe(",");
    expect(ptBR.form.fault({ code: "minimum", limit: 1.5 })).toBe("No mínimo 1,5.");
    expect(formatPercent("en", 99.9)).toBe("99%"); // not done yet
    expect(formatRelative("en", "2026-11-25T14:30:00Z", NOW)).toBe("in 2 hours");
    expect(formatRelative("pt-BR", "2026-11-24T11:00:00Z", NOW)).toBe("ontem");
  });

  test("one text is replaced, the others stay", () => {
    const mine: Texts = { ...en, prompt: { ...en.prompt, proceed: "Ship it" } };
    render(
      <BideTexts texts={mine}>
        <JobPromptView prompt={ASKED} onRespond={async () => {}} />
      </BideTexts>,
    );
    expect(screen.getByRole("button", { name: "Ship it" })).toBeDefined();
    expect(screen.queryByRole("button", { name: en.prompt.proceed })).toBeNull();
    expect(screen.getByRole("button", { name: en.prompt.revise })).toBeDefined();
  });
});
