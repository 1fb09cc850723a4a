// Written by `bide types examples.quickstart.blog:bide`. Do not edit.

import "@bide/client";

export interface ConfirmData {
  summary: string;
  path: string | null;
  key_assumptions: string[];
  rationale: string;
  confidence: number | null;
}

export interface Post {
  title: string;
  body: string;
}

/** Go on. */
export interface Proceed {
  action: "proceed";
}

/** Do it again, with this feedback. */
export interface Revise {
  action: "revise";
  feedback: string;
}

declare module "@bide/client" {
  interface JobTypes {
    write_post: {
      input: {
        topic: string;
      };
      output: Post;
      prompts: {
        [key: `publish-${string}`]: {
          kind: "confirm";
          data: ConfirmData;
          answer: Proceed | Revise;
        };
      };
    };
  }
}
