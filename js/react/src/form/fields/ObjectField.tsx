import type { FieldProps } from "../context.js";
import { useForm } from "../context.js";
import { labelOf } from "../label.js";
import { Group } from "../parts.js";
import { child } from "../pointer.js";
import type { FieldOf } from "../schema.js";
import type { Draft, DraftOf } from "../value.js";
import { Entries } from "./DictField.js";
import { FieldView } from "./FieldView.js";

export function ObjectField(props: FieldProps<FieldOf<"object">, DraftOf<"object">>) {
  return (
    <Group {...props}>
      <Properties {...props} />
    </Group>
  );
}

/** The fields of an object, without a frame: the form itself is one. */
export function Properties({ field, draft, pointer, onChange, tag }: FieldProps<FieldOf<"object">, DraftOf<"object">>) {
  const { root, texts } = useForm();
  const shown = field.properties.filter(({ name, schema }) => name !== tag || root.field(schema).kind !== "const");
  const change = (name: string, inner: Draft) => onChange({ ...draft, fields: { ...draft.fields, [name]: inner } });
  return (
    <div className="bide-properties">
      {shown.map(({ name, schema, required }) => (
        <FieldView
          key={name}
          field={root.field(schema)}
          draft={draft.fields[name] ?? { kind: "none" }}
          label={labelOf(name, schema)}
          required={required}
          pointer={child(pointer, name)}
          onChange={(inner) => change(name, inner)}
        />
      ))}
      {(field.extra || draft.extra.entries.length > 0) && (
        <fieldset className="bide-field bide-group" data-bide-field="extra" data-bide-pointer={pointer}>
          <legend className="bide-label">{texts.form.further}</legend>
          <Entries
            values={field.extra ?? {}}
            draft={draft.extra}
            pointer={pointer}
            full={field.extra === null}
            onChange={(extra) => onChange({ ...draft, extra })}
          />
        </fieldset>
      )}
    </div>
  );
}
