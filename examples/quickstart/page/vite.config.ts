import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // `npm run dev` shows changes at once; the jobs are those of the server beside it.
  server: { proxy: { "/bide": "http://127.0.0.1:8000" } },
});
