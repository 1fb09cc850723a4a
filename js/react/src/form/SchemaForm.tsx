import { type FormEvent, type ReactNode, type RefObject, useEffect, useMemo, useRef, useState } from "react";
import { classes } from "../classes.js";
import { useTexts } from "../texts/context.js";
import { decimalOf } from "../texts/format.js";
import { type FormComponents, FormContext, type FormState } from "./context.js";
import { FieldView } from "./fields/FieldView.js";
import { Properties } from "./fields/ObjectField.js";
import type { Json } from "./json.js";
import { Errors } from "./parts.js";
import { placeErrors, type ServerError } from "./place.js";
import { related } from "./pointer.js";
import { type Schema, SchemaRoot } from "./schema.js";
import { type Issue, validate } from "./validate.js";
import { type Draft, draftOf, toJson } from "./value.js";

export interface SchemaFormProps {
  /** A JSON schema as Pydantic writes it. A form keeps the first it gets: give another question another `key`. */
  schema: Schema;
  initial?: Json | undefined;
  /** What the form is about: the label of a schema that is not an object. */
  label: string;
  /** The server's errors about the last answer, by JSON pointer. */
  errors?: readonly ServerError[];
  onSubmit: (value: Json) => void;
  submitLabel?: string;
  busy?: boolean;
  components?: FormComponents;
  className?: string;
  /** Beside the button that submits. */
  actions?: ReactNode;
}

export function SchemaForm({
  schema,
  initial,
  label,
  errors = NO_ERRORS,
  onSubmit,
  submitLabel,
  busy = false,
  components = NO_COMPONENTS,
  className,
  actions,
}: SchemaFormProps) {
  const texts = useTexts();
  const [root] = useState(() => new SchemaRoot(schema, decimalOf(texts.locale)));
  const [draft, setDraft] = useState<Draft>(() => draftOf(root, root.field(), initial, true));
  const [tried, setTried] = useState(false);
  const [incomplete, setIncomplete] = useState<Issue[]>([]);
  const [said, setSaid] = useState("");
  const served = useServerErrors(root, draft, errors);
  const form = useRef<HTMLFormElement>(null);
  const focusErrors = useFocusOnErrors(form, served.fresh);

  const issues = useMemo(() => {
    if (!tried) return [];
    const found = validate(root, root.field(), draft, true);
    return [...incomplete, ...found.filter(({ pointer }) => !incomplete.some((other) => other.pointer === pointer))];
  }, [tried, root, draft, incomplete]);

  const state = useMemo((): FormState => {
    const byPointer = new Map<string, string[]>();
    for (const issue of issues) {
      byPointer.set(issue.pointer, [...(byPointer.get(issue.pointer) ?? []), texts.form.fault(issue)]);
    }
    const errorsAt = (pointer: string) => byPointer.get(pointer) ?? served.at(pointer);
    return { root, texts, components, errorsAt, announce: setSaid };
  }, [root, texts, components, issues, served.at]);

  function change(next: Draft) {
    served.forget(draft, next);
    if (incomplete.length) setIncomplete(form.current ? unreadable(form.current) : []);
    setDraft(next);
  }

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    // A form in a form's slot, through a portal say, is not this one.
    event.stopPropagation();
    if (busy) return;
    const half = unreadable(event.currentTarget);
    setTried(true);
    setIncomplete(half);
    if (half.length || validate(root, root.field(), draft, true).length) {
      focusErrors();
      return;
    }
    onSubmit(toJson(root, root.field(), draft, true) ?? null);
  }

  const field = root.field();
  const about = { draft, label, required: true, pointer: "", onChange: change };
  const whole = state.errorsAt("");
  return (
    <FormContext.Provider value={state}>
      <form ref={form} className={classes("bide-form", className)} aria-busy={busy} noValidate onSubmit={submit}>
        {field.description && <p className="bide-hint">{field.description}</p>}
        {field.kind === "object" && draft.kind === "object" && !components.object ? (
          <>
            <Properties {...about} field={field} draft={draft} />
            {whole.length > 0 && <Errors messages={whole} />}
          </>
        ) : (
          <FieldView {...about} field={field} />
        )}
        <div className="bide-actions">
          <button type="submit" className="bide-button bide-primary" aria-disabled={busy}>
            {busy ? texts.prompt.sending : (submitLabel ?? texts.prompt.send)}
          </button>
          {actions}
        </div>
        <p className="bide-hidden" role="status">
          {said}
        </p>
      </form>
    </FormContext.Provider>
  );
}

const NO_ERRORS: readonly ServerError[] = [];
const NO_COMPONENTS: FormComponents = {};

/** Controls that hold something which is no value, half a date say. They tell scripts that they are empty. */
function unreadable(form: HTMLFormElement): Issue[] {
  const inputs = [...form.querySelectorAll<HTMLInputElement>("input[data-bide-pointer]")];
  return inputs
    .filter((input) => input.validity?.badInput)
    .map((input) => ({ code: "incomplete", pointer: input.dataset.bidePointer as string }));
}

/** The server's errors, each until its field is changed. */
function useServerErrors(root: SchemaRoot, draft: Draft, errors: readonly ServerError[]) {
  const [seen, setSeen] = useState(NO_ERRORS);
  const [placed, setPlaced] = useState<ReadonlyMap<string, string[]>>(new Map());
  if (errors !== seen) {
    setSeen(errors);
    setPlaced(placeErrors(root, draft, errors));
  }
  const at = useMemo(() => (pointer: string) => placed.get(pointer) ?? NONE, [placed]);
  function forget(before: Draft, after: Draft) {
    if (!placed.size) return;
    const changed = changes(before, after, "");
    setPlaced(new Map([...placed].filter(([pointer]) => !changed.some((place) => related(place, pointer)))));
  }
  return { at, forget, fresh: errors };
}

const NONE: readonly string[] = [];

/** The pointers of what differs between two drafts, which share all that is equal. */
function changes(a: Draft | undefined, b: Draft | undefined, at: string): string[] {
  if (a === b) return [];
  if (a?.kind === "object" && b?.kind === "object" && a.extra === b.extra) {
    return Object.keys(b.fields).flatMap((name) => changes(a.fields[name], b.fields[name], `${at}/${escaped(name)}`));
  }
  if (a?.kind === "list" && b?.kind === "list" && a.items.length === b.items.length) {
    const moved = a.items.some((item, n) => item.id !== b.items[n]?.id);
    if (!moved) return b.items.flatMap((item, n) => changes(a.items[n]?.draft, item.draft, `${at}/${n}`));
  }
  if (a?.kind === "union" && b?.kind === "union" && a.index === b.index && b.index !== null) {
    return changes(a.drafts[b.index], b.drafts[b.index], at);
  }
  return [at];
}

function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** Moves the focus to the first field with an error: when asked, and when the server's errors arrive. */
function useFocusOnErrors(form: RefObject<HTMLFormElement | null>, fresh: readonly ServerError[]): () => void {
  const due = useRef(false);
  const last = useRef(NO_ERRORS);
  useEffect(() => {
    if (fresh !== last.current) {
      last.current = fresh;
      due.current ||= fresh.length > 0;
    }
    if (!due.current) return;
    due.current = false;
    const errors = form.current?.querySelector<HTMLElement>("[data-bide-errors]");
    const field = errors?.closest("[data-bide-field]");
    const control = field?.querySelector<HTMLElement>(":is(input, select, textarea, button):not(:disabled)");
    (control ?? errors)?.focus();
  });
  return () => {
    due.current = true;
  };
}
