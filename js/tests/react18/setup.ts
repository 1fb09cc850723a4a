// Libraries that ask for React, Testing Library say, get the one that is beside this file.
import Module from "node:module";

interface Resolver {
  _resolveFilename(request: string, parent: unknown, isMain: boolean, options?: { paths: string[] }): string;
}

const resolver = Module as unknown as Resolver;
const resolve = resolver._resolveFilename;

resolver._resolveFilename = function (this: unknown, request, parent, isMain, options) {
  const react = /^react(-dom)?(\/|$)/.test(request);
  return resolve.call(this, request, parent, isMain, react ? { paths: [import.meta.dirname] } : options);
};
