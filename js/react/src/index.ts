export * from "./components/index.js";
export * from "./form/index.js";
export * from "./markdown/index.js";
export * from "./texts/index.js";
