import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import type { ServerError } from "../../form/place.js";
import { useTexts } from "../../texts/context.js";
import { Messages, Rationale } from "./DecisionBody.js";
import { type Question, questionsOf, textOf } from "./data.js";
import type { PromptBodyProps } from "./parts.js";

interface Given {
  /** Ids of options. */
  chosen: string[];
  /** Whether the person's own text is among what was chosen. */
  own: boolean;
  text: string;
}

const NOTHING: Given = { chosen: [], own: false, text: "" };

export function ClarifyBody({ prompt, respond, busy, errors, cancel, level }: PromptBodyProps) {
  const texts = useTexts();
  const questions = questionsOf(prompt.data);
  const [given, setGiven] = useState<Record<string, Given>>({});
  const [tried, setTried] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const focusDue = useRef(false);
  const of = (name: string) => given[name] ?? NOTHING;

  useEffect(() => {
    if (errors.length) focusDue.current = true;
  }, [errors]);
  useEffect(() => {
    if (!focusDue.current) return;
    focusDue.current = false;
    form.current?.querySelector<HTMLElement>("[data-bide-invalid] :is(input, textarea)")?.focus();
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setTried(true);
    const answers = questions.map((question) => [question.name, answerTo(question, of(question.name))] as const);
    if (answers.some(([, answer]) => answer === null)) {
      focusDue.current = true;
      return;
    }
    respond({ answers: Object.fromEntries(answers) as Record<string, string | string[]> });
  }

  const elsewhere = errors.filter((error) => !questions.some(({ name }) => isAbout(error, name)));
  return (
    <form ref={form} className="bide-form" noValidate aria-busy={busy} onSubmit={submit}>
      {questions.map((question) => {
        const missing = tried && answerTo(question, of(question.name)) === null;
        const refused = errors.filter((error) => isAbout(error, question.name)).map(({ message }) => message);
        const code = question.options.length ? ("choose" as const) : ("required" as const);
        return (
          <QuestionField
            key={question.name}
            question={question}
            given={of(question.name)}
            level={level + 1}
            messages={missing ? [texts.form.fault({ code })] : refused}
            onChange={(next) => setGiven((before) => ({ ...before, [question.name]: next }))}
          />
        );
      })}
      <Rationale text={textOf(prompt.data, "rationale")} level={level + 1} />
      {elsewhere.length > 0 && <Messages id="" messages={elsewhere.map(({ message }) => message)} />}
      <div className="bide-actions">
        <button type="submit" className="bide-button bide-primary" aria-disabled={busy}>
          {busy ? texts.prompt.sending : texts.prompt.send}
        </button>
        {cancel}
      </div>
    </form>
  );
}

function isAbout({ path }: ServerError, name: string): boolean {
  return path === `/answers/${name}` || path.startsWith(`/answers/${name}/`);
}

/** As the server wants it: an id or a text, a list where several are allowed; null where nothing was said. */
function answerTo(question: Question, { chosen, own, text }: Given): string | string[] | null {
  const said = text.trim();
  if (!question.options.length) return said || null;
  if (own && !said) return null;
  const all = [...chosen, ...(own && !chosen.includes(said) ? [said] : [])];
  if (question.several) return all.length ? all : null;
  return all[0] ?? null;
}

interface QuestionFieldProps {
  question: Question;
  given: Given;
  level: number;
  messages: string[];
  onChange: (given: Given) => void;
}

function QuestionField(props: QuestionFieldProps) {
  return props.question.options.length ? <Options {...props} /> : <OpenQuestion {...props} />;
}

function OpenQuestion({ question, given, level, messages, onChange }: QuestionFieldProps) {
  const id = useId();
  return (
    <div className="bide-field" data-bide-invalid={messages.length ? "" : undefined}>
      <label htmlFor={id} className="bide-label">
        {question.text}
      </label>
      <Rationale text={question.rationale} level={level} />
      <textarea
        id={id}
        className="bide-input"
        rows={2}
        value={given.text}
        aria-required
        aria-invalid={messages.length ? true : undefined}
        aria-describedby={messages.length ? `${id}-error` : undefined}
        onChange={(event) => onChange({ ...given, text: event.target.value })}
      />
      {messages.length > 0 && <Messages id={`${id}-error`} messages={messages} />}
    </div>
  );
}

function Options({ question, given, level, messages, onChange }: QuestionFieldProps) {
  const { prompt: words } = useTexts();
  const id = useId();
  const type = question.several ? "checkbox" : "radio";
  const invalid = messages.length > 0;
  const group = question.several
    ? {}
    : { role: "radiogroup", "aria-required": true, "aria-invalid": invalid ? (true as const) : undefined };
  const describedBy = [question.several && `${id}-hint`, invalid && `${id}-error`].filter(Boolean).join(" ");

  function choose(option: string, on: boolean) {
    if (!question.several) return onChange({ ...given, chosen: [option], own: false });
    const others = given.chosen.filter((other) => other !== option);
    onChange({ ...given, chosen: on ? [...others, option] : others });
  }
  function chooseOwn(on: boolean) {
    onChange({ ...given, chosen: question.several ? given.chosen : [], own: on });
  }
  return (
    <fieldset
      {...group}
      className="bide-field bide-group"
      data-bide-invalid={invalid ? "" : undefined}
      aria-describedby={describedBy || undefined}
    >
      <legend className="bide-label">{question.text}</legend>
      {question.several && (
        <p id={`${id}-hint`} className="bide-hint">
          {words.several}
        </p>
      )}
      <Rationale text={question.rationale} level={level} />
      <div className="bide-options">
        {question.options.map((option) => (
          <label key={option.id} className="bide-option">
            <input
              type={type}
              className="bide-check"
              name={id}
              checked={given.chosen.includes(option.id)}
              onChange={(event) => choose(option.id, event.target.checked)}
            />
            <span>
              {option.label}
              {option.description && <span className="bide-hint bide-block">{option.description}</span>}
            </span>
          </label>
        ))}
        {question.freeText && (
          <>
            <label className="bide-option">
              <input
                type={type}
                className="bide-check"
                name={id}
                checked={given.own}
                onChange={(event) => chooseOwn(event.target.checked)}
              />
              <span>{words.other}</span>
            </label>
            {given.own && (
              <input
                type="text"
                className="bide-input bide-own"
                aria-label={words.otherLabel}
                aria-invalid={invalid ? true : undefined}
                value={given.text}
                onChange={(event) => onChange({ ...given, text: event.target.value })}
              />
            )}
          </>
        )}
      </div>
      {invalid && <Messages id={`${id}-error`} messages={messages} />}
    </fieldset>
  );
}
