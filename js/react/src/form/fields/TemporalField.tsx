import { useState } from "react";
import type { FieldProps } from "../context.js";
import { Labelled } from "../parts.js";
import type { FieldOf } from "../schema.js";
import { isShown } from "../time.js";
import type { TextDraft } from "../value.js";

const INPUTS = { date: "date", time: "time", "date-time": "datetime-local", "date-time-local": "datetime-local" };

export function TemporalField(props: FieldProps<FieldOf<"temporal">, TextDraft>) {
  const { field, draft, onChange } = props;
  // A value that the browser's control would silently drop, with microseconds say, is edited as a text. Decided once:
  // a control that changes while somebody types in it loses them.
  const [native] = useState(() => isShown(field.format, draft.text));
  return (
    <Labelled {...props}>
      {(control) => (
        <input
          {...control}
          className="bide-input bide-temporal"
          type={native ? INPUTS[field.format] : "text"}
          step={native && field.format !== "date" ? "any" : undefined}
          value={draft.text}
          onChange={(event) => onChange({ ...draft, text: event.target.value })}
        />
      )}
    </Labelled>
  );
}
