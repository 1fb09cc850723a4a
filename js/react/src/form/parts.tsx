// What fields are made of: a label or legend, hints, the control, errors. For fields of your own too.
import { type ReactNode, useId } from "react";
import { classes } from "../classes.js";
import { type FieldProps, useForm } from "./context.js";
import { shown } from "./label.js";

export interface ControlProps {
  id: string;
  disabled: boolean;
  "data-bide-pointer": string;
  "aria-describedby": string | undefined;
  "aria-invalid": true | undefined;
  "aria-required": true | undefined;
}

interface PartProps extends Pick<FieldProps, "field" | "label" | "pointer" | "required" | "hideLabel"> {
  /** What this control itself has to say. */
  hints?: (string | null)[];
}

/** One control under its label. */
export function Labelled({
  children,
  inline = false,
  ...part
}: PartProps & { children: (control: ControlProps) => ReactNode; inline?: boolean }) {
  const id = useId();
  const { errorsAt } = useForm();
  const errors = errorsAt(part.pointer);
  const described = useDescription(id, part, errors);
  const control = children({
    id,
    disabled: part.field.readOnly,
    "data-bide-pointer": part.pointer,
    "aria-describedby": described.ids,
    "aria-invalid": errors.length ? true : undefined,
    "aria-required": part.required && !part.field.nullable ? true : undefined,
  });
  const label = (
    <label htmlFor={id} className={classes("bide-label", part.hideLabel && "bide-hidden")}>
      {part.label}
      <Marks {...part} />
    </label>
  );
  return (
    <div className="bide-field" data-bide-field={part.field.kind} data-bide-invalid={errors.length ? "" : undefined}>
      {inline ? (
        <div className="bide-inline">
          {control}
          {label}
        </div>
      ) : (
        label
      )}
      {described.hints}
      {inline ? null : control}
      {described.errors}
    </div>
  );
}

/** Several controls under one legend. */
export function Group({
  children,
  role,
  onRemove,
  errorsInside = false,
  ...part
}: PartProps & {
  children: ReactNode;
  role?: "radiogroup";
  onRemove?: (() => void) | undefined;
  /** A field inside has the same pointer, and tells its errors. */
  errorsInside?: boolean;
}) {
  const id = useId();
  const { errorsAt, texts } = useForm();
  const errors = errorsInside ? [] : errorsAt(part.pointer);
  const described = useDescription(id, part, errors);
  const radio = role && {
    role,
    "aria-invalid": errors.length ? (true as const) : undefined,
    "aria-required": part.required && !part.field.nullable ? (true as const) : undefined,
  };
  return (
    <fieldset
      {...radio}
      className="bide-field bide-group"
      disabled={part.field.readOnly}
      data-bide-field={part.field.kind}
      data-bide-pointer={part.pointer}
      data-bide-invalid={errors.length ? "" : undefined}
      aria-describedby={described.ids}
    >
      <legend className={classes("bide-label", part.hideLabel && "bide-hidden")}>
        {part.label}
        <Marks {...part} />
      </legend>
      {described.hints}
      {children}
      {described.errors}
      {onRemove && (
        <button type="button" className="bide-button bide-quiet" onClick={onRemove}>
          {texts.form.remove(part.label)}
        </button>
      )}
    </fieldset>
  );
}

/** Most fields are required; what may be left out is marked, and for a form's top the mark would say nothing. */
function Marks({ field, required, pointer }: PartProps) {
  const { texts } = useForm();
  const optional = (!required || field.nullable) && field.kind !== "boolean" && field.kind !== "const";
  return (
    <>
      {optional && pointer !== "" && <span className="bide-mark"> ({texts.form.optional})</span>}
      {field.deprecated && <span className="bide-mark"> ({texts.form.deprecated})</span>}
    </>
  );
}

function useDescription(id: string, { field, hints = [], pointer }: PartProps, errors: readonly string[]) {
  const { texts } = useForm();
  const examples = field.examples.length ? texts.form.example(field.examples.map(shown).join(", ")) : null;
  const about = pointer === "" ? null : field.description;
  const lines = [about, ...hints, examples].filter((line): line is string => Boolean(line));
  const [hintId, errorId] = [`${id}-hint`, `${id}-error`];
  const ids = [lines.length && hintId, errors.length && errorId].filter(Boolean).join(" ") || undefined;
  return {
    ids,
    hints: lines.length ? (
      <div id={hintId} className="bide-hint">
        {lines.map((line) => (
          <p key={line}>{line}</p>
        ))}
      </div>
    ) : null,
    errors: errors.length ? <Errors id={errorId} messages={errors} /> : null,
  };
}

export function Errors({ id, messages }: { id?: string; messages: readonly string[] }) {
  const { texts } = useForm();
  return (
    <div id={id} className="bide-errors" data-bide-errors="" tabIndex={-1}>
      {messages.map((message) => (
        <p key={message}>
          <span className="bide-hidden">{texts.form.error} </span>
          {message}
        </p>
      ))}
    </div>
  );
}
