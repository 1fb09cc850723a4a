export { BideTexts, useTexts } from "./context.js";
export { en } from "./en.js";
export { ptBR } from "./pt-BR.js";
export type * from "./types.js";
