// The real Pydantic models, in one Python process.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Json, type JsonObject, parse } from "../src/form/json.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const own = here("../../../.venv/bin/python");

/** The interpreter that has Pydantic: of the repository's environment, or what `PYTHON` says. */
export const PYTHON = process.env.PYTHON ?? (existsSync(own) ? own : "python3");

export interface Case {
  name: string;
  schema: JsonObject;
  answer: Json;
}

export class Judge {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    this.#process = spawn(PYTHON, [here("models.py")], { stdio: ["pipe", "pipe", "inherit"] });
    if (!this.#process.stdout) throw new Error("The judge has no voice.");
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async cases(): Promise<Case[]> {
    return parse(await this.#line()) as unknown as Case[];
  }

  /** What the model says to an answer, as JSON text: null, or what is wrong. */
  async verdict(name: string, text: string): Promise<string | null> {
    this.#process.stdin?.write(`${JSON.stringify([name, text])}\n`);
    return JSON.parse(await this.#line()) as string | null;
  }

  end(): void {
    this.#process.stdin?.end();
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done)
      throw new Error(`${PYTHON} gave no answer: are Bide's requirements installed there? PYTHON names another.`);
    return value;
  }
}
