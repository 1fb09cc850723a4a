import { createClient, type Job, type JobState, type Watch } from "@bide/client";
import { describe, expectTypeOf, it } from "vitest";

describe("the client, where `bide types` has written nothing", () => {
  const client = createClient();

  it("takes any type with any input", () => {
    expectTypeOf(client.create("any", { a: 1 })).resolves.toEqualTypeOf<Job<unknown>>();
    // @ts-expect-error: an input is an object
    client.create("any", 1);
  });

  it("believes what it is told of a result", () => {
    expectTypeOf(client.get<string>("id")).resolves.toEqualTypeOf<Job<string>>();
    expectTypeOf(client.settled<string>("id")).resolves.toEqualTypeOf<Job<string>>();
    expectTypeOf(client.watch<string>("id")).toExtend<Watch<JobState<string>>>();
    expectTypeOf<Job<string>["result"]>().toEqualTypeOf<string | null>();
  });
});
