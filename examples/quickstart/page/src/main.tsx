import { BideProvider } from "@bide/react";
import "@bide/react/styles.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.js";
import "./page.css";

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <BideProvider url="/bide">
      <App />
    </BideProvider>
  </StrictMode>,
);
