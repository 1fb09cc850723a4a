// What the components show where nothing real is at hand.
import type { Event, Prompt } from "@bide/client";
import type { ShownJob } from "@bide/react";

const AT = "2026-11-25T08:30:00Z";
const JOB = "01920000-0000-7000-8000-000000000001";

export const JOBS: ShownJob[] = [
  {
    status: "pending",
    progress: { percent: null, message: null, stages: [] },
    reason: "delayed",
    due_at: "2099-01-01T00:00:00Z",
  },
  { status: "running", progress: { percent: null, message: "Warming up", stages: [] } },
  {
    status: "running",
    progress: {
      percent: 42.5,
      message: "Checking the sources of paragraph 3",
      stages: [{ name: "Draft", item: 2, of: 3 }, { name: "Check" }],
    },
    attempt: 2,
    max_attempts: 3,
  },
  { status: "pending_hitl", progress: { percent: 60, message: "Draft 1 is ready", stages: [] } },
  { status: "running", progress: { percent: 60, message: "Draft 2", stages: [] }, cancel_requested_at: AT },
  { status: "completed", progress: { percent: 100, message: "Published", stages: [] } },
  {
    status: "failed",
    progress: { percent: 71, message: "Publishing", stages: [] },
    error: { type: "PublishError", message: "The site answered 502 three times." },
  },
  { status: "cancelled", progress: { percent: 30, message: null, stages: [] } },
];

function prompt(n: number, kind: string, data: Prompt["data"], more: Partial<Prompt> = {}): Prompt {
  return {
    id: `01920000-0000-7000-8000-0000000001${String(n).padStart(2, "0")}`,
    job_id: JOB,
    key: `question-${n}`,
    kind,
    data,
    schema: {},
    status: "open",
    opened_at: AT,
    ...more,
  };
}

const FORM = {
  type: "object",
  title: "Release",
  required: ["name", "when", "audience", "pay"],
  properties: {
    name: { type: "string", title: "Name", maxLength: 40, description: "As it is shown to readers." },
    when: { type: "string", format: "date-time", title: "When" },
    audience: { enum: ["everybody", "staff", "testers"], title: "Audience" },
    notify: { type: "boolean", title: "Tell the subscribers", default: true },
    budget: {
      anyOf: [{ type: "number", minimum: 0 }, { type: "string" }, { type: "null" }],
      title: "Budget",
      default: null,
    },
    tags: { type: "array", items: { type: "string" }, title: "Tags", default: ["news", "tea"] },
    wait: { type: "string", format: "duration", title: "Wait", default: "PT2H" },
    labels: { type: "object", additionalProperties: { type: "string" }, title: "Labels", default: { team: "growth" } },
    pay: {
      title: "Payment",
      discriminator: { propertyName: "by", mapping: { card: "#/$defs/Card", transfer: "#/$defs/Transfer" } },
      oneOf: [{ $ref: "#/$defs/Card" }, { $ref: "#/$defs/Transfer" }],
    },
    extra: { title: "Anything else", default: { any: ["thing"] } },
  },
  $defs: {
    Card: {
      type: "object",
      title: "Card",
      required: ["by", "number"],
      properties: {
        by: { const: "card" },
        number: { type: "string", title: "Number", format: "password", writeOnly: true },
      },
    },
    Transfer: {
      type: "object",
      title: "Transfer",
      required: ["by", "iban"],
      properties: { by: { const: "transfer" }, iban: { type: "string", title: "IBAN" } },
    },
  },
};

export const PROMPTS: Prompt[] = [
  prompt(
    1,
    "clarify",
    {
      rationale: "The topic leaves both open.",
      questions: [
        {
          text: "Which tone should it have?",
          options: [
            { id: "warm", label: "Warm", description: "As to a friend" },
            { id: "dry", label: "Dry", description: "Facts, and little else" },
          ],
          allows_multiple: false,
          free_text: true,
          rationale: "",
        },
        {
          text: "Where will it appear?",
          options: [
            { id: "blog", label: "Blog", description: "" },
            { id: "mail", label: "Newsletter", description: "" },
          ],
          allows_multiple: true,
          free_text: false,
          rationale: "",
        },
        { text: "Who should read it?", options: null, allows_multiple: false, free_text: false, rationale: "" },
      ],
    },
    { deadline_at: "2099-12-01T18:00:00Z", assignee: "ana" },
  ),
  prompt(2, "confirm", {
    summary: "A post of about **600 words** on green tea, for people who drink coffee.",
    path: "posts/green-tea.md",
    key_assumptions: ["The reader has never brewed loose leaves", "No brand is named"],
    rationale: "It is easier to change the plan than the post.",
    confidence: 0.82,
  }),
  prompt(3, "preview", {
    content:
      "# Tea for coffee people\n\nYou know **bitter**. Tea knows *patience*.\n\n## How to begin\n\n1. Boil the water\n2. Wait\n\n> Three minutes, not five.\n\n```\ntea --steep 3m\n```\n\n[A source](https://example.org) ![a picture](https://example.org/x.png) <script>alert(1)</script>",
    highlights: ["Short", "Funny"],
    potential_issues: ["One claim has no source"],
    rationale: "",
  }),
  prompt(4, "validate", {
    report: "- 12 links work\n- 1 link does not: `https://example.org/old`",
    passed: false,
    content: "The text that was checked.",
    path: "posts/green-tea.md",
    score: 0.91,
  }),
  prompt(5, "form", { title: "Release the post", initial: { name: "Green tea" } }, { schema: FORM }),
  prompt(6, "callback", {}, { schema: { type: "object", properties: { paid: { type: "boolean" } } } }),
  prompt(
    7,
    "vote",
    { motion: "Publish on Friday" },
    { schema: { type: "object", required: ["vote"], properties: { vote: { enum: ["yes", "no"], title: "Vote" } } } },
  ),
  prompt(
    8,
    "confirm",
    { summary: "An earlier plan" },
    {
      status: "answered",
      response: { action: "revise", feedback: "Shorter, please." },
      answer: { by: "ana", at: AT, defaulted: false },
    },
  ),
];

export const EVENTS: Event[] = (
  [
    ["job.enqueued", {}],
    ["job.started", {}],
    ["step.completed", { step: "draft", key: "1" }],
    ["prompt.opened", { key: "publish-1" }],
    ["job.waiting", {}],
    ["prompt.answered", { key: "publish-1", by: "ana" }],
    ["job.resumed", { reason: "answered" }],
    ["step.failed", { step: "publish", message: "502 from the site" }],
    ["job.retrying", { error: { type: "PublishError", message: "502 from the site" } }],
    ["job.completed", {}],
  ] as const
).map(([kind, data], n) => ({
  job_id: JOB,
  seq: n + 1,
  at: `2026-11-25T08:3${n}:00Z`,
  kind,
  attempt: n < 9 ? 1 : 2,
  data,
}));

export const OUTPUT =
  "## Tea for coffee people\n\nYou know bitter. Tea knows patience. Begin with water that has **just** stopped boiling, and";
