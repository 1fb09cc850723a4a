import type { Texts } from "../../texts/types.js";
import { type FieldProps, useForm } from "../context.js";
import { showNumber } from "../number.js";
import { Labelled } from "../parts.js";
import type { Bound, Bounds, FieldOf } from "../schema.js";
import type { TextDraft } from "../value.js";

/** A text input: one of the type `number` drops what it does not understand, and turns under the mouse wheel. */
export function NumberField(props: FieldProps<FieldOf<"number">, TextDraft>) {
  const { field, draft, onChange } = props;
  const { root, texts } = useForm();
  const { minimum, exclusiveMinimum } = field.bounds;
  // The keypads for numbers of some phones have no minus sign.
  const positive = (minimum ?? exclusiveMinimum ?? -1) >= 0;
  const keypad = positive ? (field.type === "integer" ? "numeric" : "decimal") : undefined;
  return (
    <Labelled {...props} hints={[limitsHint(field.bounds, texts, root.decimal)]}>
      {(control) => (
        <input
          {...control}
          className="bide-input bide-number"
          type="text"
          inputMode={keypad}
          autoComplete="off"
          value={draft.text}
          onChange={(event) => onChange({ ...draft, text: event.target.value })}
        />
      )}
    </Labelled>
  );
}

function limitsHint(bounds: Bounds, texts: Texts, decimal: "." | ","): string | null {
  const show = (limit: Bound) => (limit === null ? null : showNumber(String(limit), decimal));
  const { minimum, maximum, multipleOf } = bounds;
  const above = show(bounds.exclusiveMinimum);
  const below = show(bounds.exclusiveMaximum);
  return texts.form.number({
    from: show(minimum) ?? (above && `> ${above}`),
    to: show(maximum) ?? (below && `< ${below}`),
    step: show(multipleOf),
  });
}
