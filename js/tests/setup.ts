// One server for all tests of a package; those that kill it start their own.
import type { TestProject } from "vitest/node";
import { Server } from "./server.js";

declare module "vitest" {
  export interface ProvidedContext {
    url: string;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const server = await Server.start();
  provide("url", server.url);
  return () => server.stop();
}
