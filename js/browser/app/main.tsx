import { BideProvider, BideTexts, en, ptBR } from "@bide/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Gallery } from "./Gallery.js";
import { JobPage } from "./JobPage.js";
import { JobsPage } from "./JobsPage.js";
import "@bide/react/styles.css";
import "./page.css";

// What to show is in the address: `?job=ID` a job, `?jobs=ID,ID` some, `?gallery` every component; `theme` and `lang` change the looks.
const asked = new URLSearchParams(location.search);
const job = asked.get("job");
const jobs = asked.get("jobs");
const texts = asked.get("lang") === "pt-BR" ? ptBR : en;
document.documentElement.lang = texts.locale;

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <BideProvider url="/api">
      <BideTexts texts={texts}>
        <main data-theme={asked.get("theme") ?? undefined}>
          {job ? <JobPage id={job} /> : jobs ? <JobsPage ids={jobs.split(",")} /> : <Gallery />}
        </main>
      </BideTexts>
    </BideProvider>
  </StrictMode>,
);
