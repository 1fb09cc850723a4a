import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "@bide/client": fileURLToPath(new URL("src/index.ts", import.meta.url)) } },
  build: { lib: { entry: "src/index.ts", formats: ["es"], fileName: "index" }, target: "es2022", minify: false },
  test: {
    environment: "node",
    globalSetup: "../tests/setup.ts",
    testTimeout: 120_000,
    // They wait for servers and timers more than they compute.
    maxWorkers: 3,
    typecheck: { enabled: true, include: ["tests/**/*.test-d.ts"] },
  },
});
