import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // What the page is made of is given on with it, so its terms are too.
  build: { license: { fileName: "licenses.md" } },
  // `npm run dev` shows changes at once; the jobs are those of the server beside it.
  server: { proxy: { "/bide": "http://127.0.0.1:8000" } },
});
