import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Markdown } from "../../markdown/index.js";
import { useTexts } from "../../texts/context.js";
import { formatPercent } from "../../texts/format.js";
import { numberOf, textOf, textsOf } from "./data.js";
import type { PromptBodyProps } from "./parts.js";

/** Confirm, preview and validate: what is shown differs, what may be answered does not. */
export function DecisionBody(props: PromptBodyProps) {
  return (
    <>
      <Shown {...props} />
      <Decision {...props} />
    </>
  );
}

function Shown({ prompt: { kind, data }, level }: PromptBodyProps) {
  const texts = useTexts();
  const { prompt: words, locale } = texts;
  const score = numberOf(data, "score");
  const confidence = numberOf(data, "confidence");
  const inner = level + 1;
  const markdown = (name: string) => {
    const text = textOf(data, name);
    return text === null ? null : <Markdown className="bide-content" text={text} level={inner} />;
  };
  return (
    <div className="bide-shown">
      {kind === "validate" && (
        <p className="bide-verdict" data-bide-passed={data.passed === true ? "yes" : "no"}>
          <strong>{data.passed === true ? words.passed : words.notPassed}</strong>
          {score !== null && <span>{words.score(formatPercent(locale, score * 100))}</span>}
        </p>
      )}
      {markdown("summary")}
      {markdown("report")}
      {markdown("content")}
      {textOf(data, "path") && (
        <p className="bide-path">
          {words.path}: <code>{textOf(data, "path")}</code>
        </p>
      )}
      <Listed title={words.assumptions} items={textsOf(data, "key_assumptions")} />
      <Listed title={words.highlights} items={textsOf(data, "highlights")} />
      <Listed title={words.issues} items={textsOf(data, "potential_issues")} />
      {confidence !== null && <p className="bide-hint">{words.confidence(formatPercent(locale, confidence * 100))}</p>}
      <Rationale text={textOf(data, "rationale")} level={inner} />
    </div>
  );
}

function Listed({ title, items }: { title: string; items: string[] }) {
  const id = useId();
  if (!items.length) return null;
  return (
    <div className="bide-listed">
      <p id={id} className="bide-label">
        {title}
      </p>
      <ul aria-labelledby={id}>
        {items.map((item, n) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the texts of a question never change, and may be alike.
          <li key={n}>{item}</li>
        ))}
      </ul>
    </div>
  );
}

export function Rationale({ text, level }: { text: string | null; level: number }): ReactNode {
  const texts = useTexts();
  if (text === null) return null;
  return (
    <details className="bide-details">
      <summary>{texts.prompt.rationale}</summary>
      <Markdown text={text} level={level} />
    </details>
  );
}

/** Proceed, or revise with what should change. */
function Decision({ respond, busy, errors, cancel }: PromptBodyProps) {
  const texts = useTexts();
  const words = texts.prompt;
  const [revising, setRevising] = useState(false);
  const [feedback, setFeedback] = useState("");
  const [missing, setMissing] = useState(false);
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const open = useRef<HTMLButtonElement>(null);
  const returned = useRef(false);

  useEffect(() => {
    if (revising) area.current?.focus();
    else if (returned.current) open.current?.focus();
  }, [revising]);

  if (!revising) {
    const refused = errors.map(({ message }) => message);
    return (
      <>
        {refused.length > 0 && (
          <div role="alert">
            <Messages id={`${id}-error`} messages={refused} />
          </div>
        )}
        <div className="bide-actions">
          <button
            type="button"
            className="bide-button bide-primary"
            data-bide-do="proceed"
            aria-disabled={busy}
            onClick={() => respond({ action: "proceed" })}
          >
            {busy ? words.sending : words.proceed}
          </button>
          <button
            ref={open}
            type="button"
            className="bide-button"
            data-bide-do="revise"
            aria-disabled={busy}
            onClick={() => !busy && setRevising(true)}
          >
            {words.revise}
          </button>
          {cancel}
        </div>
      </>
    );
  }

  function send(event: FormEvent) {
    event.preventDefault();
    if (feedback.trim() === "") {
      setMissing(true);
      area.current?.focus();
      return;
    }
    respond({ action: "revise", feedback });
  }
  const messages = missing ? [texts.form.fault({ code: "required" })] : errors.map(({ message }) => message);
  return (
    <form className="bide-form" noValidate aria-busy={busy} onSubmit={send}>
      <div className="bide-field" data-bide-invalid={messages.length ? "" : undefined}>
        <label htmlFor={id} className="bide-label">
          {words.feedback}
        </label>
        <p id={`${id}-hint`} className="bide-hint">
          {words.feedbackHint}
        </p>
        <textarea
          ref={area}
          id={id}
          className="bide-input"
          rows={4}
          value={feedback}
          aria-required
          aria-invalid={messages.length ? true : undefined}
          aria-describedby={messages.length ? `${id}-hint ${id}-error` : `${id}-hint`}
          onChange={(event) => {
            setFeedback(event.target.value);
            setMissing(false);
          }}
        />
        {messages.length > 0 && <Messages id={`${id}-error`} messages={messages} />}
      </div>
      <div className="bide-actions">
        <button type="submit" className="bide-button bide-primary" aria-disabled={busy}>
          {busy ? words.sending : words.sendFeedback}
        </button>
        <button
          type="button"
          className="bide-button"
          disabled={busy}
          onClick={() => {
            returned.current = true;
            setRevising(false);
          }}
        >
          {words.back}
        </button>
        {cancel}
      </div>
    </form>
  );
}

export function Messages({ id, messages }: { id: string; messages: readonly string[] }) {
  const { form } = useTexts();
  return (
    <div id={id} className="bide-errors" data-bide-errors="">
      {messages.map((message) => (
        <p key={message}>
          <span className="bide-hidden">{form.error} </span>
          {message}
        </p>
      ))}
    </div>
  );
}
