import { type FieldProps, useForm } from "../context.js";
import { Labelled } from "../parts.js";
import type { Draft } from "../value.js";

/** For what has no control of its own: never blank, never lost. */
export function JsonField(props: FieldProps) {
  const { draft, onChange } = props;
  const { texts } = useForm();
  const text = textOf(draft);
  return (
    <Labelled {...props} hints={[texts.form.json]}>
      {(control) => (
        <textarea
          {...control}
          className="bide-input bide-code"
          rows={Math.min(12, Math.max(3, text.split("\n").length))}
          spellCheck={false}
          autoCapitalize="off"
          value={text}
          onChange={(event) => onChange({ kind: "json", text: event.target.value })}
        />
      )}
    </Labelled>
  );
}

function textOf(draft: Draft): string {
  return draft.kind === "json" ? draft.text : "";
}
