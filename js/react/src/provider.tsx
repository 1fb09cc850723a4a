import { type BideClient, type ClientOptions, createClient } from "@bide/client";
import { createContext, type ReactNode, useContext, useInsertionEffect, useMemo, useRef } from "react";
import { exact } from "./form/json.js";

const Context = createContext<BideClient | null>(null);

/** Either a client of yours, or the options of one that the provider makes. */
export type BideProviderProps = { children?: ReactNode } & (
  | { client: BideClient }
  | (ClientOptions & { client?: never })
);

/** Everything below shares one client, and so one stream of events. */
export function BideProvider({ children, client, ...options }: BideProviderProps) {
  const { url, jobToken, credentials }: ClientOptions = options;
  const latest = useRef<ClientOptions>(options);
  // Before the effects of all that is inside: what asks first, asks with what came along with it.
  useInsertionEffect(() => {
    latest.current = options;
  });
  const used = useMemo(() => {
    const made =
      client ??
      createClient({
        ...latest.current,
        ...(url !== undefined && { url }),
        ...(jobToken !== undefined && { jobToken }),
        ...(credentials !== undefined && { credentials }),
        // Headers are often written inline, and are new with each render: that must not make a new client.
        headers: () => {
          const { headers } = latest.current;
          return typeof headers === "function" ? headers() : (headers ?? {});
        },
      });
    // What a form shows of a long integer is what it sends back. Who has put another here knows why.
    if (made.json === JSON) made.json = exact;
    return made;
  }, [client, url, jobToken, credentials]);
  return <Context.Provider value={used}>{children}</Context.Provider>;
}

/** The client of the provider above. */
export function useBide(): BideClient {
  const client = useContext(Context);
  if (client === null) throw new Error("There is no client here. Remedy: put a <BideProvider> around this component.");
  return client;
}
