import type { ComponentType } from "react";
import { type FieldProps, useForm } from "../context.js";
import { Group } from "../parts.js";
import type { Field, FieldKind } from "../schema.js";
import { startOf } from "../value.js";
import { BooleanField } from "./BooleanField.js";
import { ChoiceField } from "./ChoiceField.js";
import { ConstField } from "./ConstField.js";
import { DictField } from "./DictField.js";
import { DurationField } from "./DurationField.js";
import { JsonField } from "./JsonField.js";
import { ListField } from "./ListField.js";
import { NumberField } from "./NumberField.js";
import { ObjectField } from "./ObjectField.js";
import { PicksField } from "./PicksField.js";
import { TemporalField } from "./TemporalField.js";
import { TextField } from "./TextField.js";
import { TupleField } from "./TupleField.js";
import { UnionField } from "./UnionField.js";

/** Each narrows the draft that value.ts makes for its kind; the table is what brings the two together. */
const FIELDS = {
  object: ObjectField,
  dict: DictField,
  list: ListField,
  tuple: TupleField,
  choice: ChoiceField,
  picks: PicksField,
  boolean: BooleanField,
  number: NumberField,
  text: TextField,
  temporal: TemporalField,
  duration: DurationField,
  union: UnionField,
  const: ConstField,
  json: JsonField,
} as unknown as Record<FieldKind, ComponentType<FieldProps>>;

/** The field for one part of the answer: yours, else ours. */
export function FieldView(props: FieldProps & { withinUnion?: boolean }) {
  const { withinUnion = false, ...rest } = props;
  const { components } = useForm();
  const { field, draft, onChange } = rest;
  if (draft.kind === "none") return <LeftOut {...rest} />;
  // A draft of JSON in a field of another kind: a value came that this control cannot show.
  const kind = draft.kind === "json" ? "json" : field.kind;
  const View = components[kind] ?? FIELDS[kind];
  const removable = !withinUnion && mayBeLeftOut(field, rest.required);
  return <View {...rest} onRemove={removable ? () => onChange({ kind: "none" }) : undefined} />;
}

function mayBeLeftOut(field: Field, required: boolean): boolean {
  if (field.kind === "object") return field.nullable || (!required && field.default === undefined);
  return (field.kind === "list" || field.kind === "dict" || field.kind === "tuple") && field.nullable;
}

function LeftOut(props: FieldProps) {
  const { field, label, onChange } = props;
  const { root, texts } = useForm();
  return (
    <Group {...props}>
      <button
        type="button"
        className="bide-button bide-add"
        data-bide-do="add"
        onClick={() => onChange(startOf(root, field))}
      >
        {texts.form.add(label)}
      </button>
    </Group>
  );
}
