// What tests do at the server, as a user whom no other test has.
import { type ClientOptions, createClient, type Watch } from "@bide/client";
import { inject } from "vitest";
import type { Noted } from "./server.js";

let users = 0;

export class Page {
  readonly user = `user-${process.pid}-${process.env.VITEST_POOL_ID}-${users++}`;

  constructor(readonly url: string = inject("url")) {}

  client(options: ClientOptions = {}) {
    return createClient({ url: this.url, headers: { "X-User": this.user }, ...options });
  }

  /** What was asked of the server in the name of this user. */
  async requests(path?: string | RegExp): Promise<Noted[]> {
    const noted: Noted[] = await (await fetch(`${this.url}/tests/requests/${this.user}`)).json();
    return noted.filter(
      (one) => path === undefined || (typeof path === "string" ? one.path === path : path.test(one.path)),
    );
  }

  /** Wait until no further request comes; returns how many there were. */
  async quiet(): Promise<number> {
    for (let before = -1; ; ) {
      const { length } = await this.requests();
      if (length === before) return length;
      before = length;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Let those through who wait for it. */
  async open(gate: string): Promise<void> {
    await fetch(`${this.url}/tests/gates/${gate}`, { method: "POST" });
  }

  async token(job: string): Promise<string> {
    return (await fetch(`${this.url}/tests/token/${job}`)).json();
  }
}

/** The first state that is so. It stays subscribed until then. */
export async function until<State>(watch: Watch<State>, enough: (state: State) => unknown): Promise<State> {
  let unsubscribe = () => {};
  const found = await new Promise<State>((resolve) => {
    const look = () => {
      const state = watch.getSnapshot();
      if (enough(state)) resolve(state);
    };
    unsubscribe = watch.subscribe(look);
    look();
  });
  unsubscribe();
  return found;
}
