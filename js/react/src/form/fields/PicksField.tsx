import { type FieldProps, useForm } from "../context.js";
import { shown } from "../label.js";
import { Group } from "../parts.js";
import type { FieldOf } from "../schema.js";
import type { DraftOf } from "../value.js";

/** A set of known options: a checkbox for each. */
export function PicksField(props: FieldProps<FieldOf<"picks">, DraftOf<"picks">>) {
  const { field, draft, onChange } = props;
  const { texts } = useForm();
  const toggle = (index: number, on: boolean) => {
    const others = draft.indexes.filter((other) => other !== index);
    onChange({ kind: "picks", indexes: on ? [...others, index] : others });
  };
  return (
    <Group {...props} hints={[texts.form.items(field.size.min, field.size.max)]}>
      <div className="bide-options">
        {field.options.map((option, index) => (
          <label key={shown(option.value)} className="bide-option">
            <input
              type="checkbox"
              className="bide-check"
              checked={draft.indexes.includes(index)}
              onChange={(event) => toggle(index, event.target.checked)}
            />
            <span>{option.label ?? shown(option.value)}</span>
          </label>
        ))}
      </div>
    </Group>
  );
}
