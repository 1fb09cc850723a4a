import type { FieldProps } from "../context.js";
import { useForm } from "../context.js";
import { Group } from "../parts.js";
import { child } from "../pointer.js";
import type { FieldOf } from "../schema.js";
import type { DraftOf } from "../value.js";
import { FieldView } from "./FieldView.js";

export function TupleField(props: FieldProps<FieldOf<"tuple">, DraftOf<"list">>) {
  const { field, draft, pointer, onChange } = props;
  const { root, texts } = useForm();
  return (
    <Group {...props}>
      <div className="bide-properties">
        {draft.items.map((item, n) => {
          const of = root.field(field.items[n] ?? {});
          return (
            <FieldView
              key={item.id}
              field={of}
              draft={item.draft}
              label={of.title ?? texts.form.item(n + 1)}
              required
              pointer={child(pointer, n)}
              onChange={(inner) =>
                onChange({
                  kind: "list",
                  items: draft.items.map((other) => (other === item ? { ...item, draft: inner } : other)),
                })
              }
            />
          );
        })}
      </div>
    </Group>
  );
}
