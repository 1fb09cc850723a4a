import { useId } from "react";
import { type FieldProps, useForm } from "../context.js";
import { variantLabels } from "../label.js";
import { Group } from "../parts.js";
import type { FieldOf } from "../schema.js";
import { type DraftOf, variantDraft } from "../value.js";
import { FieldView } from "./FieldView.js";

/** First which variant, then that variant. */
export function UnionField(props: FieldProps<FieldOf<"union">, DraftOf<"union">>) {
  const { field, draft, label, required, pointer, onChange } = props;
  const { root, texts, errorsAt } = useForm();
  const id = useId();
  const optional = field.nullable || !required;
  const labels = variantLabels(root, field, texts);
  const variant = draft.index === null ? undefined : field.variants[draft.index];
  const inner = draft.index === null ? undefined : draft.drafts[draft.index];

  function choose(index: number | null) {
    const drafts =
      index === null || draft.drafts[index]
        ? draft.drafts
        : { ...draft.drafts, [index]: variantDraft(root, field, index) };
    onChange({ kind: "union", index, drafts });
  }

  return (
    <Group {...props} errorsInside={inner !== undefined}>
      <div className="bide-field">
        <label htmlFor={id} className="bide-label bide-hidden">
          {texts.form.kind}
        </label>
        <select
          id={id}
          className="bide-input"
          aria-required={optional ? undefined : true}
          aria-invalid={!inner && errorsAt(pointer).length ? true : undefined}
          value={draft.index ?? ""}
          onChange={(event) => choose(event.target.value === "" ? null : Number(event.target.value))}
        >
          {(optional || draft.index === null) && (
            <option value="">{optional ? texts.form.none : texts.form.choose}</option>
          )}
          {labels.map((name, index) => (
            <option key={name} value={index}>
              {name}
            </option>
          ))}
        </select>
      </div>
      {variant && inner && (
        <FieldView
          key={draft.index}
          field={root.field(variant.schema)}
          draft={inner}
          label={labels[draft.index as number] ?? label}
          required
          pointer={pointer}
          tag={field.tag}
          withinUnion
          onChange={(next) => onChange({ ...draft, drafts: { ...draft.drafts, [draft.index as number]: next } })}
        />
      )}
    </Group>
  );
}
