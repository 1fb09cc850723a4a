// The nouns, as they go over the wire: taken from the server's OpenAPI document, with names a page uses.
import type { components } from "./api.js";

type Schemas = components["schemas"];

export type JobStatus = Schemas["JobStatus"];
export type Progress = Schemas["Progress"];
export type JobError = Schemas["JobError"];
export type JobSummary = Schemas["JobSummary"];
export type Event = Schemas["Event"];
export type Problem = Schemas["Problem"];
export type Prompt = Schemas["PromptView"];
export type Receipt = Schemas["Receipt"];

/** A job; `result` is what it returned, once its status is `completed`. */
export type Job<R = unknown> = JobSummary & { result: R | null };
