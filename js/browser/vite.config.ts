import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("app"),
  plugins: [react()],
  resolve: {
    alias: {
      "@bide/client": here("../client/src/index.ts"),
      "@bide/react/styles.css": here("../react/src/styles.css"),
      "@bide/react": here("../react/src/index.ts"),
    },
  },
  build: { outDir: here("dist"), emptyOutDir: true, target: "es2022" },
  test: {
    root: here("."),
    environment: "node",
    // Each file has a browser and a server of its own.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A fact that does not come fails a test; one that is slow to come does not.
    expect: { poll: { timeout: 30_000 } },
  },
});
