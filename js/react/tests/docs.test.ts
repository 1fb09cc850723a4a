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

/** What the compiler says of these files, which are only here; beside the tests, so that imports are found. */
function complaints(files: [name: string, code: string][]): string[] {
  const at = (name: string) => `${ROOT}js/react/tests/snippets/${name}`;
  const sources = new Map([...files, ["readers.d.ts", READERS] as const].map(([name, code]) => [at(name), code]));
  const { config } = ts.readConfigFile(`${ROOT}js/react/tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, `${ROOT}js/react`);
  options.paths = { ...options.paths, "@bide/react": ["./src/index.ts"] };
  options.noUnusedLocals = false;
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
    .map(({ messageText, file }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
}

test("what the documents show is what there is; what there is not is seen", () => {
  const found = DOCUMENTS.map(snippets);
  expect(found.map(({ length }) => length)).toEqual([1, 2, 3]);
  const wrong = 'import { useJob } from "@bide/react";\nuseJob("write_post", "id").job?.result?.nothing;';
  const seen = expect.stringMatching(/wrong\.ts: .*'nothing' does not exist on type 'Post'/);
  expect(complaints([...found.flat(), ["wrong.ts", wrong]])).toEqual([seen]);
}, 120_000);
