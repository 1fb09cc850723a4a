import { createContext, type ReactNode, useContext } from "react";
import { en } from "./en.js";
import type { Texts } from "./types.js";

const Context = createContext<Texts>(en);

/** The texts of every component inside; English where there is none. */
export function BideTexts({ texts, children }: { texts: Texts; children: ReactNode }) {
  return <Context.Provider value={texts}>{children}</Context.Provider>;
}

export function useTexts(): Texts {
  return useContext(Context);
}
