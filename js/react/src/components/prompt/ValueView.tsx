import { isObject, type Json } from "../../form/json.js";
import { labelOf, shown } from "../../form/label.js";
import { type Schema, SchemaRoot } from "../../form/schema.js";
import { useTexts } from "../../texts/context.js";

export interface ValueViewProps {
  value: Json;
  /** What the value fits: it knows titles, and what is secret. */
  schema?: Schema;
}

/** A value as a person reads it. */
export function ValueView({ value, schema = {} }: ValueViewProps) {
  return <Part root={new SchemaRoot(schema)} schema={schema} value={value} />;
}

function Part({ root, schema, value }: { root: SchemaRoot; schema: Schema; value: Json }) {
  const { form } = useTexts();
  const field = root.field(schema);
  if (field.kind === "union" && value !== null) {
    const tagged = field.variants.find(({ schema: of }) => root.field(of).kind === "object") ?? field.variants[0];
    return <Part root={root} schema={isObject(value) && tagged ? tagged.schema : {}} value={value} />;
  }
  if (value === null) return <span className="bide-hint">{form.none}</span>;
  if (field.kind === "text" && field.format === "password") return <span>••••••••</span>;
  if (typeof value === "boolean") return <span>{value ? form.yes : form.no}</span>;
  if (Array.isArray(value)) {
    const of = (n: number) =>
      (field.kind === "list" ? field.items : field.kind === "tuple" ? field.items[n] : null) ?? {};
    return (
      <ul className="bide-value">
        {value.map((item, n) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the value does not change.
          <li key={n}>
            <Part root={root} schema={of(n)} value={item} />
          </li>
        ))}
      </ul>
    );
  }
  if (!isObject(value)) return <span className="bide-text">{shown(value)}</span>;
  const known = field.kind === "object" ? new Map(field.properties.map((one) => [one.name, one.schema])) : null;
  const others = field.kind === "dict" ? field.values : {};
  return (
    <dl className="bide-value">
      {Object.entries(value).map(([name, item]) => {
        const of = known?.get(name) ?? others;
        return (
          <div key={name}>
            <dt>{known?.has(name) ? labelOf(name, of) : name}</dt>
            <dd>
              <Part root={root} schema={of} value={item} />
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
