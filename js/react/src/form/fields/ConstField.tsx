import type { FieldProps } from "../context.js";
import { useForm } from "../context.js";
import { shown } from "../label.js";
import { Labelled } from "../parts.js";
import type { FieldOf } from "../schema.js";

/** Nothing to choose, but who answers sees what they send. */
export function ConstField(props: FieldProps<FieldOf<"const">>) {
  const { field } = props;
  const { texts } = useForm();
  return (
    <Labelled {...props} required={false}>
      {({ id, "aria-describedby": describedBy, "aria-invalid": _, "aria-required": __, ...control }) => (
        <input
          {...control}
          id={id}
          aria-describedby={describedBy}
          className="bide-input bide-const"
          readOnly
          value={field.value === null ? texts.form.none : shown(field.value)}
        />
      )}
    </Labelled>
  );
}
