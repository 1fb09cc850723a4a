import type { Json } from "../../form/json.js";
import { SchemaForm } from "../../form/SchemaForm.js";
import type { Schema } from "../../form/schema.js";
import { useTexts } from "../../texts/context.js";
import { titleOf } from "./data.js";
import type { PromptBodyProps } from "./parts.js";
import { ValueView } from "./ValueView.js";

/** Any schema, and any kind that is not known here: what it shows is shown as it is. */
export function FormBody({ prompt, respond, busy, errors, cancel, formComponents }: PromptBodyProps) {
  const texts = useTexts();
  const { title: _title, initial, refused: _refused, ...others } = prompt.data;
  const own = prompt.kind === "form";
  return (
    <>
      {!own && Object.keys(others).length > 0 && <ValueView value={others as Json} />}
      <SchemaForm
        key={prompt.id}
        schema={prompt.schema as Schema}
        initial={own && initial !== null ? (initial as Json | undefined) : undefined}
        label={titleOf(prompt, texts)}
        errors={errors}
        busy={busy}
        onSubmit={respond}
        actions={cancel}
        {...(formComponents && { components: formComponents })}
      />
    </>
  );
}
