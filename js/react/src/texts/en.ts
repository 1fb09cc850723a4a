import type { Fault } from "../form/validate.js";
import { formatNumber, plural } from "./format.js";
import type { Texts } from "./types.js";

const locale = "en";
const n = (value: number | bigint) => formatNumber(locale, value);
const items = (count: number) => `${n(count)} ${plural(locale, count, { one: "item", other: "items" })}`;
const characters = (count: number) => `${n(count)} ${plural(locale, count, { one: "character", other: "characters" })}`;

export const en: Texts = {
  locale,
  status: {
    names: {
      pending: "Queued",
      running: "Running",
      pending_hitl: "Waiting for you",
      completed: "Completed",
      failed: "Failed",
      cancelled: "Cancelled",
    },
    reasons: {
      delayed: "delayed",
      retrying: "will try again",
      sleeping: "sleeping",
      rescued: "taken over from a lost worker",
      released: "goes on soon",
      answered: "answered, goes on soon",
    },
    cancelling: "Cancelling…",
    attempt: (attempt, of) => `Attempt ${n(attempt)} of ${n(of)}`,
    due: (when) => `Goes on ${when}`,
  },
  progress: {
    label: "Progress",
    percent: (percent) => percent,
    unknown: "In progress",
    item: (name, item, of) => `${name} (${n(item)} of ${n(of)})`,
  },
  cancel: {
    cancel: "Cancel",
    question: "Cancel this job?",
    yes: "Yes, cancel it",
    no: "Keep it",
    pending: "Cancelling…",
    failed: "It could not be cancelled. Please try again.",
  },
  prompt: {
    kinds: {
      clarify: "A few questions",
      confirm: "Is this what you want?",
      preview: "Is this result good?",
      validate: "Accept this outcome?",
      form: "Your input is needed",
      callback: "Waiting for another system",
    },
    proceed: "Approve",
    revise: "Ask for changes",
    feedback: "What should change?",
    feedbackHint: "The job goes on with what you write here.",
    sendFeedback: "Send feedback",
    back: "Back",
    send: "Send answer",
    sending: "Sending…",
    cancelJob: "Cancel the job",
    cancelQuestion: "Cancel the whole job?",
    rationale: "Why this is asked",
    assumptions: "Assumptions",
    highlights: "Highlights",
    issues: "Possible issues",
    path: "File",
    confidence: (percent) => `Confidence: ${percent}`,
    score: (percent) => `Score: ${percent}`,
    passed: "Checks passed",
    notPassed: "Checks did not pass",
    other: "Something else",
    otherLabel: "Your own answer",
    answer: "Your answer",
    several: "Choose one or more.",
    callback: "Another system answers this one. Nothing is needed from you.",
    deadline: (date, relative) => `Answer until ${date} (${relative})`,
    overdue: "The deadline has passed.",
    assignee: (name) => `For ${name}`,
    answered: "Answered",
    answeredBy: (name, date) => (name ? `Answered by ${name}, ${date}.` : `Answered ${date}.`),
    answeredMeanwhile: (name) =>
      name
        ? `${name} has answered this in the meantime. Your answer was not used.`
        : "This was answered in the meantime. Your answer was not used.",
    theirAnswer: "The answer that counts",
    defaulted: (date) => `Nobody answered in time; the default was taken, ${date}.`,
    expired: "The deadline passed without an answer.",
    withdrawn: "This question was withdrawn.",
    gone: "This question is not open any more.",
    sent: "Your answer was sent.",
    seen: "Go on",
    refused: (why) => `The answer given before could not be used, so this is asked again: ${why}`,
    failed: "The answer could not be sent. Please try again.",
    unknownKind: (kind) => `A question of the kind “${kind}”`,
    flaws: (count) => `Please look at ${n(count)} ${plural(locale, count, { one: "field", other: "fields" })} again.`,
  },
  inbox: {
    title: "Questions for you",
    count: (count) => `${n(count)} open ${plural(locale, count, { one: "question", other: "questions" })}`,
    atLeast: (count) => `${n(count)} open questions or more`,
    empty: "No open questions.",
    loading: "Loading questions…",
    failed: "The questions could not be loaded.",
    asked: (relative) => `Asked ${relative}`,
  },
  timeline: {
    title: "History",
    empty: "Nothing has happened yet.",
    kinds: {
      "job.enqueued": "Accepted",
      "job.started": "Started",
      "job.completed": "Completed",
      "job.failed": "Failed",
      "job.retrying": "Failed, will try again",
      "job.released": "Set aside, goes on soon",
      "job.rescued": "Taken over from a lost worker",
      "job.sleeping": "Sleeping",
      "job.waiting": "Waiting for an answer",
      "job.resumed": "Goes on",
      "job.cancelled": "Cancelled",
      "cancel.requested": "Cancellation requested",
      "cancel.delivered": "Told to stop",
      progress: "Progress",
      "step.completed": "Step done",
      "step.failed": "Step failed",
      "prompt.opened": "Question asked",
      "prompt.served": "Question shown",
      "prompt.answered": "Question answered",
      "prompt.expired": "Question expired",
      "prompt.withdrawn": "Question withdrawn",
      output: "Output",
      "output.reset": "Output begins again",
      log: "Note",
    },
    attempt: (attempt) => `Attempt ${n(attempt)}`,
    by: (name) => `by ${name}`,
  },
  output: { title: "Output", empty: "No output yet.", streaming: "More is being written…" },
  form: {
    required: "required",
    optional: "optional",
    deprecated: "no longer used",
    choose: "Choose…",
    none: "None",
    yes: "Yes",
    no: "No",
    example: (examples) => `For example: ${examples}`,
    number: ({ from, to, step }) => {
      const range = from && to ? `From ${from} to ${to}` : from ? `From ${from}` : to ? `Up to ${to}` : "";
      return [range, step ? `in steps of ${step}` : ""].filter(Boolean).join(", ") || null;
    },
    length: (min, max) =>
      min > 1 && max !== null
        ? `${n(min)} to ${characters(max)}`
        : max !== null
          ? `At most ${characters(max)}`
          : min > 1
            ? `At least ${characters(min)}`
            : null,
    items: (min, max) =>
      min > 0 && max !== null
        ? min === max
          ? `Exactly ${items(min)}`
          : `${n(min)} to ${items(max)}`
        : max !== null
          ? `At most ${items(max)}`
          : min > 0
            ? `At least ${items(min)}`
            : null,
    add: (what) => `Add ${what}`,
    remove: (what) => `Remove ${what}`,
    up: (what) => `Move ${what} up`,
    down: (what) => `Move ${what} down`,
    item: (number) => `Item ${n(number)}`,
    one: "item",
    entry: "entry",
    key: "Name",
    value: "Value",
    moved: (what, position, of) => `${what} is now at position ${n(position)} of ${n(of)}.`,
    removed: (what) => `${what} removed.`,
    added: (what) => `${what} added.`,
    further: "Further fields",
    kind: "Kind",
    types: {
      string: "Text",
      integer: "Whole number",
      number: "Number",
      boolean: "Yes or no",
      array: "List",
      object: "Group",
      null: "None",
    },
    json: "Written as JSON",
    markdown: "Markdown can be used.",
    preview: "Preview",
    duration: { days: "Days", hours: "Hours", minutes: "Minutes", seconds: "Seconds" },
    durationHint: "Leave blank what does not count.",
    isoHint: "As ISO 8601 writes it, such as P1DT2H.",
    fault,
    error: "Error:",
  },
};

function fault(found: Fault): string {
  switch (found.code) {
    case "required":
      return "Fill this in.";
    case "choose":
      return "Choose one.";
    case "accept":
      return "This must be ticked.";
    case "number":
      return "Write a number, such as 1234.5.";
    case "integer":
      return "Write a whole number.";
    case "incomplete":
      return "This is incomplete.";
    case "duplicate":
      return "This is in the list already.";
    case "sameKey":
      return "This name is used already.";
    case "email":
      return "Write an e-mail address, such as ana@example.org.";
    case "uri":
      return "Write an address, such as https://example.org.";
    case "uuid":
      return "Write a UUID.";
    case "date":
      return "Write a date.";
    case "time":
      return "Write a time.";
    case "date-time":
    case "date-time-local":
      return "Write a date and a time.";
    case "duration":
      return "Write a duration.";
    case "pattern":
      return "This does not have the expected form.";
    case "minimum":
      return `At least ${n(found.limit)}.`;
    case "maximum":
      return `At most ${n(found.limit)}.`;
    case "above":
      return `More than ${n(found.limit)}.`;
    case "below":
      return `Less than ${n(found.limit)}.`;
    case "multiple":
      return `A multiple of ${n(found.limit)}.`;
    case "shorter":
      return `At least ${characters(found.limit)}.`;
    case "longer":
      return `At most ${characters(found.limit)}.`;
    case "fewer":
      return `At least ${items(found.limit)}.`;
    case "more":
      return `At most ${items(found.limit)}.`;
    case "json":
      return `This is not JSON: see line ${n(found.line)}, column ${n(found.column)}.`;
  }
}
