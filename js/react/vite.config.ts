import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@bide/client": fileURLToPath(new URL("../client/src/index.ts", import.meta.url)) } },
  build: {
    lib: { entry: "src/index.ts", formats: ["es"], fileName: "index", cssFileName: "styles" },
    rollupOptions: { external: ["react", "react-dom", "react/jsx-runtime", "@bide/client", "micromark"] },
    target: "es2022",
    minify: false,
  },
  test: { environment: "jsdom", setupFiles: ["tests/setup.ts"] },
});
