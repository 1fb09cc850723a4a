import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@bide/client": path("../client/src/index.ts") } },
  build: {
    lib: { entry: "src/index.ts", formats: ["es"], fileName: "index", cssFileName: "styles" },
    rollupOptions: {
      external: ["react", "react-dom", "react/jsx-runtime", "@bide/client", "micromark"],
      // To a framework that renders on a server, all of it is for the browser.
      output: { banner: '"use client";' },
    },
    target: "es2022",
    minify: false,
  },
  test: {
    environment: "jsdom",
    testTimeout: 120_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: "React 19",
          globalSetup: "../tests/setup.ts",
          setupFiles: "tests/setup.ts",
          typecheck: { enabled: true, include: ["tests/**/*.test-d.{ts,tsx}"] },
        },
      },
      {
        extends: true,
        resolve: {
          alias: [{ find: /^react(-dom)?(?=\/|$)/, replacement: path("../tests/react18/node_modules/react$1") }],
        },
        test: {
          name: "React 18",
          globalSetup: "../tests/setup.ts",
          setupFiles: ["../tests/react18/setup.ts", "tests/setup.ts"],
          include: ["tests/hooks/**/*.test.{ts,tsx}", "tests/components/**", "tests/form/*.test.tsx"],
        },
      },
    ],
  },
});
