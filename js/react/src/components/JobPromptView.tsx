import type { Prompt } from "@bide/client";
import { createElement, type ReactNode, useId } from "react";
import { classes } from "../classes.js";
import type { FormComponents } from "../form/context.js";
import type { Json } from "../form/json.js";
import { useTexts } from "../texts/context.js";
import { formatDate, formatRelative } from "../texts/format.js";
import { CancelButtonView } from "./CancelButtonView.js";
import { AnswerView } from "./prompt/AnswerView.js";
import { type Closed, type Respond, useAnswer } from "./prompt/answer.js";
import { CallbackBody } from "./prompt/CallbackBody.js";
import { ClarifyBody } from "./prompt/ClarifyBody.js";
import { DecisionBody } from "./prompt/DecisionBody.js";
import { textOf, titleOf } from "./prompt/data.js";
import { FormBody } from "./prompt/FormBody.js";
import type { PromptBodyProps, PromptParts } from "./prompt/parts.js";
import { useNow } from "./useNow.js";

export interface JobPromptViewProps {
  prompt: Prompt;
  /** Sends the answer: `{ action: "cancel" }` too, which cancels the job. */
  onRespond: Respond;
  /** Closed while it was shown, not by this page: who answered, if anybody. */
  closed?: Closed | null | undefined;
  /** Your own form, for questions of the kind `form`. */
  renderForm?: ((props: PromptBodyProps) => ReactNode) | undefined;
  components?: PromptParts | undefined;
  /** The fields of forms, by kind. */
  formComponents?: FormComponents | undefined;
  /** Whether the job may be cancelled from here. */
  cancellable?: boolean | undefined;
  /** The level of its heading. */
  level?: number | undefined;
  className?: string | undefined;
}

const BODIES: NonNullable<PromptParts["bodies"]> = {
  clarify: ClarifyBody,
  confirm: DecisionBody,
  preview: DecisionBody,
  validate: DecisionBody,
  form: FormBody,
  callback: CallbackBody,
};

export function JobPromptView({
  prompt,
  onRespond,
  closed: closedOutside,
  renderForm,
  components = {},
  formComponents,
  cancellable = true,
  level = 3,
  className,
}: JobPromptViewProps) {
  const texts = useTexts();
  const id = useId();
  const answer = useAnswer(prompt, onRespond);
  const { Header = PromptHeader, bodies = {} } = components;
  const Body = bodies[prompt.kind] ?? BODIES[prompt.kind] ?? bodies.form ?? FormBody;
  const closed = answer.closed ?? closedOutside ?? null;
  const open = prompt.status === "open" && !closed && answer.phase !== "sent";
  const refused = textOf(prompt.data, "refused");
  const body: PromptBodyProps = {
    prompt,
    respond: (value: Json) => void answer.respond(value),
    busy: answer.phase === "sending",
    errors: answer.errors,
    level,
    formComponents,
    cancel: cancellable && (
      <CancelButtonView
        label={texts.prompt.cancelJob}
        question={texts.prompt.cancelQuestion}
        onCancel={() => answer.respond({ action: "cancel" })}
      />
    ),
  };
  return (
    // Not a landmark: a page may show many.
    <article
      className={classes("bide-prompt", className)}
      aria-labelledby={id}
      data-bide-kind={prompt.kind}
      data-bide-status={open ? "open" : answer.phase === "sent" ? "answered" : (closed?.reason ?? prompt.status)}
    >
      <Header prompt={prompt} id={id} level={level} />
      {open && refused && <p className="bide-notice">{texts.prompt.refused(refused)}</p>}
      {open && (renderForm && prompt.kind === "form" ? renderForm(body) : <Body key={prompt.id} {...body} />)}
      {open && answer.problem !== null && (
        <p className="bide-notice bide-notice-error" role="alert">
          {answer.problem || texts.prompt.failed}
        </p>
      )}
      <div role="status">
        {answer.phase === "sent" && <p className="bide-notice">{texts.prompt.sent}</p>}
        {closed && answer.phase !== "sent" && <ClosedMeanwhile prompt={prompt} closed={closed} />}
      </div>
      {!open && !closed && answer.phase !== "sent" && <Settled prompt={prompt} />}
    </article>
  );
}

function PromptHeader({ prompt, id, level }: { prompt: Prompt; id: string; level: number }) {
  const texts = useTexts();
  return (
    <header className="bide-prompt-header">
      {createElement(`h${level}`, { id, className: "bide-title" }, titleOf(prompt, texts))}
      {prompt.assignee && <p className="bide-hint">{texts.prompt.assignee(prompt.assignee)}</p>}
      {prompt.deadline_at && prompt.status === "open" && <Deadline at={prompt.deadline_at} />}
    </header>
  );
}

export function Deadline({ at }: { at: string }) {
  const { prompt: words, locale } = useTexts();
  const now = useNow();
  const passed = now !== null && new Date(at).getTime() <= now;
  const relative = now === null ? "…" : formatRelative(locale, at, now);
  return (
    <p className="bide-deadline" data-bide-overdue={passed ? "" : undefined}>
      <time dateTime={at} suppressHydrationWarning>
        {passed ? words.overdue : words.deadline(formatDate(locale, at), relative)}
      </time>
    </p>
  );
}

/** Somebody else answered, or the deadline passed, while this page showed the question. */
function ClosedMeanwhile({ prompt, closed }: { prompt: Prompt; closed: Closed }) {
  const { prompt: words } = useTexts();
  const text =
    closed.reason === "answered"
      ? words.answeredMeanwhile(closed.by)
      : closed.reason === "expired"
        ? words.expired
        : closed.reason === "withdrawn"
          ? words.withdrawn
          : words.gone;
  return (
    <>
      <p className="bide-notice">{text}</p>
      {closed.response !== undefined && closed.response !== null && (
        <>
          <p className="bide-label">{words.theirAnswer}</p>
          <AnswerView prompt={prompt} response={closed.response} />
        </>
      )}
    </>
  );
}

/** A question of the past, with its answer. */
function Settled({ prompt }: { prompt: Prompt }) {
  const { prompt: words, locale } = useTexts();
  const { answer, response, status } = prompt;
  const date = answer ? formatDate(locale, answer.at) : "";
  const told = answer
    ? answer.defaulted
      ? words.defaulted(date)
      : words.answeredBy(answer.by, date)
    : status === "expired"
      ? words.expired
      : status === "withdrawn"
        ? words.withdrawn
        : words.answered;
  return (
    <>
      <p className="bide-notice">{told}</p>
      {response !== undefined && response !== null && <AnswerView prompt={prompt} response={response as Json} />}
    </>
  );
}
