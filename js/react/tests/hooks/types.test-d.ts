import type { BideError, Job, Prompt, Receipt } from "@bide/client";
import { createClient } from "@bide/client";
import { describe, expectTypeOf, it } from "vitest";
import { useEnqueue, useJob, useJobPolling, usePrompt } from "../../src/index.js";

interface Post {
  title: string;
  body: string;
}

// As `bide types` writes it.
declare module "@bide/client" {
  interface JobTypes {
    write_post: {
      input: { topic: string };
      output: Post;
      prompts: {
        publish: {
          kind: "confirm";
          data: { summary: string };
          answer: { action: "proceed" } | { action: "revise"; feedback: string };
        };
        flat: { kind: "form"; data: { title: string }; answer: { rooms: number } };
      };
    };
  }
}

describe("a job type that is known", () => {
  it("has its output, and its questions by their keys", () => {
    const { job, prompts } = useJob("write_post", "id", {
      onComplete: (result, job) => {
        expectTypeOf(result).toEqualTypeOf<Post>();
        expectTypeOf(job).toEqualTypeOf<Job<Post>>();
      },
    });
    expectTypeOf(job).toEqualTypeOf<Job<Post> | null>();
    const prompt = prompts[0];
    if (prompt?.key === "publish") {
      expectTypeOf(prompt.data).toEqualTypeOf<{ summary: string }>();
      expectTypeOf(prompt.kind).toEqualTypeOf<"confirm">();
      expectTypeOf(prompt.id).toEqualTypeOf<string>();
    }
    useJob("write_post", null);
  });

  it("takes its input alone", () => {
    const { enqueue } = useEnqueue("write_post");
    expectTypeOf(enqueue).parameter(0).toEqualTypeOf<{ topic: string }>();
    expectTypeOf(enqueue({ topic: "tea" })).resolves.toEqualTypeOf<Job<Post>>();
    // @ts-expect-error: there is no such field
    enqueue({ topics: "tea" });
    const client = createClient();
    expectTypeOf(client.create("write_post", { topic: "tea" })).resolves.toEqualTypeOf<Job<Post>>();
    // @ts-expect-error: the topic is missing
    client.create("write_post", {});
  });

  it("is answered as its questions ask", () => {
    const { prompt, respond } = usePrompt("write_post", "id");
    expectTypeOf(prompt?.key).toEqualTypeOf<"publish" | "flat" | undefined>();
    expectTypeOf(respond({ action: "proceed" })).resolves.toEqualTypeOf<Receipt>();
    respond({ action: "cancel" });
    respond({ rooms: 3 });
    // @ts-expect-error: there is no such action
    respond({ action: "perhaps" });
  });
});

describe("a job type that is not", () => {
  it("may be anything", () => {
    const { job, prompts, error } = useJob("id");
    expectTypeOf(job).toEqualTypeOf<Job<unknown> | null>();
    expectTypeOf(prompts).toEqualTypeOf<readonly Prompt[]>();
    expectTypeOf(error).toEqualTypeOf<BideError | null>();
    expectTypeOf(useJob<Post>(null).job).toEqualTypeOf<Job<Post> | null>();
    expectTypeOf(useJob("other", "id").job).toEqualTypeOf<Job<unknown> | null>();
    expectTypeOf(
      useJobPolling<number>("id", { onComplete: (result) => expectTypeOf(result).toEqualTypeOf<number>() }).job,
    ).toEqualTypeOf<Job<number> | null>();
    useEnqueue("other").enqueue({ any: "thing" });
    usePrompt("id").respond({ any: "thing" });
    // @ts-expect-error: an id is a text
    useJob(3);
  });
});
