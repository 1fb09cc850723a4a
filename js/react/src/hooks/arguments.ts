/** What hooks of one job take: `(id, options)`, or `(type, id, options)`, where the type is for TypeScript alone. */
export type JobArguments<Options> =
  | [id: string | null, options?: Options | undefined]
  | [type: string, id: string | null, options?: Options | undefined];

export function split<Options extends object>(given: JobArguments<Options>): [string | null, Options?] {
  const [first, second, third] = given;
  if (typeof second === "string" || second === null) return third === undefined ? [second] : [second, third];
  return second === undefined ? [first] : [first, second];
}
