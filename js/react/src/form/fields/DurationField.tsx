import { useId } from "react";
import { type FieldProps, useForm } from "../context.js";
import { Group, Labelled } from "../parts.js";
import type { FieldOf } from "../schema.js";
import type { DurationParts } from "../time.js";
import type { DraftOf } from "../value.js";

const PARTS = ["days", "hours", "minutes", "seconds"] as const;

export function DurationField(props: FieldProps<FieldOf<"duration">, DraftOf<"duration"> | DraftOf<"text">>) {
  const { draft, onChange } = props;
  const { errorsAt, texts } = useForm();
  const id = useId();
  if (draft.kind === "text") {
    return (
      <Labelled {...props} hints={[texts.form.isoHint]}>
        {(control) => (
          <input
            {...control}
            className="bide-input"
            type="text"
            value={draft.text}
            onChange={(event) => onChange({ ...draft, text: event.target.value })}
          />
        )}
      </Labelled>
    );
  }
  const invalid = errorsAt(props.pointer).length > 0 || undefined;
  return (
    <Group {...props} hints={[texts.form.durationHint]}>
      <div className="bide-parts">
        {PARTS.map((part, n) => (
          <div key={part} className="bide-part">
            <label htmlFor={`${id}-${part}`}>{texts.form.duration[part]}</label>
            <input
              id={`${id}-${part}`}
              className="bide-input"
              type="text"
              inputMode={part === "seconds" ? "decimal" : "numeric"}
              autoComplete="off"
              aria-invalid={invalid}
              value={draft.parts[n]}
              onChange={(event) => onChange({ kind: "duration", parts: replaced(draft.parts, n, event.target.value) })}
            />
          </div>
        ))}
      </div>
    </Group>
  );
}

function replaced(parts: DurationParts, at: number, text: string): DurationParts {
  const [days, hours, minutes, seconds] = parts.map((part, n) => (n === at ? text : part)) as [
    string,
    string,
    string,
    string,
  ];
  return [days, hours, minutes, seconds];
}
