import { useId } from "react";
import { type FieldProps, useForm } from "../context.js";
import { Group, Labelled } from "../parts.js";
import type { FieldOf } from "../schema.js";
import type { DraftOf } from "../value.js";

/** A checkbox; radio buttons where no answer is an answer too. */
export function BooleanField(props: FieldProps<FieldOf<"boolean">, DraftOf<"flag">>) {
  const { field, draft, required, onChange } = props;
  const { texts } = useForm();
  const name = useId();
  if (!field.nullable && (required || field.default !== undefined)) {
    return (
      <Labelled {...props} inline>
        {(control) => (
          <input
            {...control}
            // A checkbox that must not be ticked would be no question.
            aria-required={field.only === true ? true : undefined}
            className="bide-check"
            type="checkbox"
            checked={draft.checked === true}
            onChange={(event) => onChange({ kind: "flag", checked: event.target.checked })}
          />
        )}
      </Labelled>
    );
  }
  const choices = [
    [true, texts.form.yes],
    [false, texts.form.no],
    [null, texts.form.none],
  ] as const;
  return (
    <Group {...props} role="radiogroup">
      <div className="bide-options">
        {choices.map(([value, label]) => (
          <label key={label} className="bide-option">
            <input
              type="radio"
              className="bide-check"
              name={name}
              checked={draft.checked === value}
              onChange={() => onChange({ kind: "flag", checked: value })}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </Group>
  );
}
