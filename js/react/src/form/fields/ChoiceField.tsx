import { useId } from "react";
import { type FieldProps, useForm } from "../context.js";
import { shown } from "../label.js";
import { Group, Labelled } from "../parts.js";
import type { FieldOf, Option } from "../schema.js";
import type { DraftOf } from "../value.js";

/** More options than this go into a list that opens. */
const RADIOS = 4;

export function ChoiceField(props: FieldProps<FieldOf<"choice">, DraftOf<"choice">>) {
  const { field, draft, required, onChange } = props;
  const { texts } = useForm();
  const name = useId();
  const optional = field.nullable || (!required && field.default === undefined);
  const label = ({ value, label: own }: Option) => own ?? (value === null ? texts.form.none : shown(value));
  const choose = (index: number | null) => onChange({ kind: "choice", index });
  if (field.options.length + (optional ? 1 : 0) > RADIOS) {
    return (
      <Labelled {...props}>
        {(control) => (
          <select
            {...control}
            className="bide-input"
            value={draft.index ?? ""}
            onChange={(event) => choose(event.target.value === "" ? null : Number(event.target.value))}
          >
            {(optional || draft.index === null) && (
              <option value="">{optional ? texts.form.none : texts.form.choose}</option>
            )}
            {field.options.map((option, index) => (
              <option key={shown(option.value)} value={index}>
                {label(option)}
              </option>
            ))}
          </select>
        )}
      </Labelled>
    );
  }
  return (
    <Group {...props} role="radiogroup">
      <div className="bide-options">
        {field.options.map((option, index) => (
          <label key={shown(option.value)} className="bide-option">
            <input
              type="radio"
              className="bide-check"
              name={name}
              checked={draft.index === index}
              onChange={() => choose(index)}
            />
            <span>{label(option)}</span>
          </label>
        ))}
        {optional && (
          <label className="bide-option">
            <input
              type="radio"
              className="bide-check"
              name={name}
              checked={draft.index === null}
              onChange={() => choose(null)}
            />
            <span>{texts.form.none}</span>
          </label>
        )}
      </div>
    </Group>
  );
}
