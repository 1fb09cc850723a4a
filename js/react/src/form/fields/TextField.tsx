import { Markdown } from "../../markdown/index.js";
import { type FieldProps, useForm } from "../context.js";
import { Labelled } from "../parts.js";
import type { FieldOf, TextFormat } from "../schema.js";
import type { TextDraft } from "../value.js";

const INPUTS: Partial<Record<TextFormat, string>> = { email: "email", uri: "url", password: "password" };

export function TextField(props: FieldProps<FieldOf<"text">, TextDraft>) {
  const { field, draft, onChange } = props;
  const { texts } = useForm();
  const { format, size } = field;
  const many = format === "multiline" || format === "markdown" || field.schema.contentMediaType !== undefined;
  const hints = [format === "markdown" ? texts.form.markdown : null, texts.form.length(size.min, size.max)];
  const change = (text: string) => onChange({ ...draft, text });
  return (
    <Labelled {...props} hints={hints}>
      {(control) =>
        many ? (
          <>
            <textarea
              {...control}
              className="bide-input"
              rows={6}
              value={draft.text}
              onChange={(event) => change(event.target.value)}
            />
            {format === "markdown" && draft.text.trim() !== "" && (
              <details className="bide-details">
                <summary>{texts.form.preview}</summary>
                <Markdown text={draft.text} />
              </details>
            )}
          </>
        ) : (
          <input
            {...control}
            className="bide-input"
            type={INPUTS[format] ?? "text"}
            autoComplete={format === "password" ? "new-password" : undefined}
            spellCheck={format === "plain" ? undefined : false}
            value={draft.text}
            onChange={(event) => change(event.target.value)}
          />
        )
      }
    </Labelled>
  );
}
