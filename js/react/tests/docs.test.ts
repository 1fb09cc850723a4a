// The code in the documents is compiled as it stands there.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

const ROOT = `${resolve(import.meta.dirname, "../../..")}/`;
const DOCUMENTS = ["README.md", "js/client/README.md", "js/react/README.md"];

/** What the documents leave to the reader. */
const READERS = `
interface Post { title: string; body: string }
declare function token(): Promise<string>;
declare function show(post: Post): void;
`;

function snippets(document: string): [name: string, code: string][] {
  const found = readFileSync(ROOT + document, "utf8").matchAll(/^```(tsx?)\n(.*?)^```$/gms);
  return [...found].map(([, kind, code], n) => [`${document.replaceAll("/", "-")}-${n + 1}.${kind}`, code as string]);
}

/** What the compiler calls what is there and not used: one name, and all names of a line. */
const UNUSED = new Set([6133, 6192]);

/** What a document makes is for the reader to use; what it imports, it uses. */
function isImport({ file, start = 0 }: ts.Diagnostic): boolean {
  return /^import\b/.test(file?.text.slice(file.text.lastIndexOf("\n", start) + 1) ?? "");
}

/** What the compiler says of these files, which are only here; beside the tests, so that imports are found. */
function complaints(files: [name: string, code: string][]): string[] {
  const at = (name: string) => `${ROOT}js/react/tests/snippets/${name}`;
  const sources = new Map([...files, ["readers.d.ts", READERS] as const].map(([name, code]) => [at(name), code]));
  const { config } = ts.readConfigFile(`${ROOT}js/react/tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, `${ROOT}js/react`);
  options.paths = { ...options.paths, "@bide/react": ["./src/index.ts"] };
  const host = ts.createCompilerHost(options);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (name) => sources.has(name) || fileExists(name);
  host.getSourceFile = (name, language, ...rest) => {
    const code = sources.get(name);
    return code === undefined ? getSourceFile(name, language, ...rest) : ts.createSourceFile(name, code, language);
  };
  const program = ts.createProgram([...sources.keys()], options, host);
  return [...sources.keys()]
    .flatMap((name) => ts.getPreEmitDiagnostics(program, program.getSourceFile(name)))
    .filter((found) => !UNUSED.has(found.code) || isImport(found))
    .map(({ messageText, file }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
}

test("what the documents show is what there is; what there is not is seen", () => {
  const found = DOCUMENTS.map(snippets);
  expect(found.map(({ length }) => length)).toEqual([1, 2, 3]);
  const unused = 'import { useJob, useJobs } from "@bide/react";\nuseJob("id");';
  const wrong = 'import { useJob } from "@bide/react";\nuseJob("write_post", "id").job?.result?.nothing;';
  expect(complaints([...found.flat(), ["unused.ts", unused], ["wrong.ts", wrong]])).toEqual([
    expect.stringMatching(/unused\.ts: 'useJobs' is declared but its value is never read/),
    expect.stringMatching(/wrong\.ts: .*'nothing' does not exist on type 'Post'/),
  ]);
}, 120_000);

test("the types that the quickstart's page was given know its questions and what answers them", () => {
  const use = (answer: string) => `
    import { usePrompt } from "@bide/react";
    import "${ROOT}examples/quickstart/page/src/jobs.js";
    const { prompt, respond } = usePrompt("write_post", "id");
    const key: \`publish-\${string}\` | undefined = prompt?.key;
    const kind: "confirm" | undefined = prompt?.kind;
    const summary: string | undefined = prompt?.data.summary;
    respond(${answer}).then(({ action }) => [key, kind, summary, action]);
  `;
  const right = ['{ action: "proceed" }', '{ action: "revise", feedback: "bluer" }', '{ action: "cancel" }'];
  const wrong = ['{ action: "revise" }', '{ action: "perhaps" }'];
  const found = complaints([...right, ...wrong].map((answer, n) => [`answer-${n}.ts`, use(answer)]));
  expect(found, found.join("\n")).toHaveLength(wrong.length);
  for (const n of wrong.keys()) expect(found[n]).toContain(`answer-${right.length + n}.ts: `);
}, 120_000);
