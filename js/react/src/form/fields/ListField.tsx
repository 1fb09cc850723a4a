import { useRef } from "react";
import { type FieldProps, useForm } from "../context.js";
import { Group } from "../parts.js";
import { child } from "../pointer.js";
import type { FieldOf } from "../schema.js";
import { type DraftOf, type Item, itemOf } from "../value.js";
import { FieldView } from "./FieldView.js";
import { IconButton } from "./IconButton.js";
import { useFocusNext } from "./useFocusNext.js";

export function ListField(props: FieldProps<FieldOf<"list">, DraftOf<"list">>) {
  const { field, draft, pointer, onChange } = props;
  const { root, texts, announce } = useForm();
  const box = useRef<HTMLDivElement>(null);
  const focusNext = useFocusNext(box);
  const { items } = draft;
  const of = root.field(field.items);
  const name = of.kind === "object" ? of.title : null;
  const labelOf = (n: number) => (name ? `${name} ${n + 1}` : texts.form.item(n + 1));
  const set = (next: Item[]) => onChange({ kind: "list", items: next });

  function add() {
    const item = itemOf(root, field.items);
    set([...items, item]);
    focusNext(`[data-bide-item="${item.id}"] .bide-item-body :is(input, select, textarea, button)`);
    announce(texts.form.added(labelOf(items.length)));
  }
  function remove(n: number) {
    set(items.filter((_, at) => at !== n));
    const neighbour = items[n + 1] ?? items[n - 1];
    focusNext(neighbour ? `[data-bide-item="${neighbour.id}"] [data-bide-do="remove"]` : "[data-bide-do=add]");
    announce(texts.form.removed(labelOf(n)));
  }
  function move(n: number, by: -1 | 1) {
    const next = [...items];
    const [item] = next.splice(n, 1);
    if (!item) return;
    next.splice(n + by, 0, item);
    set(next);
    const end = n + by === 0 || n + by === items.length - 1;
    const back = by === -1 ? "down" : "up";
    const ahead = by === -1 ? "up" : "down";
    focusNext(`[data-bide-item="${item.id}"] [data-bide-do="${end ? back : ahead}"]`);
    announce(texts.form.moved(labelOf(n), n + by + 1, items.length));
  }

  return (
    <Group {...props} hints={[texts.form.items(field.size.min, field.size.max)]}>
      <div ref={box} className="bide-items">
        {items.map((item, n) => (
          <div key={item.id} className="bide-item" data-bide-item={item.id}>
            <div className="bide-item-body">
              <FieldView
                field={of}
                draft={item.draft}
                label={labelOf(n)}
                hideLabel={COMPACT.has(of.kind)}
                required
                pointer={child(pointer, n)}
                onChange={(inner) => set(items.map((other) => (other === item ? { ...item, draft: inner } : other)))}
              />
            </div>
            <div className="bide-item-actions">
              {items.length > 1 && !field.unique && (
                <>
                  <IconButton
                    action="up"
                    label={texts.form.up(labelOf(n))}
                    disabled={n === 0}
                    onClick={() => move(n, -1)}
                  />
                  <IconButton
                    action="down"
                    label={texts.form.down(labelOf(n))}
                    disabled={n === items.length - 1}
                    onClick={() => move(n, 1)}
                  />
                </>
              )}
              <IconButton action="remove" label={texts.form.remove(labelOf(n))} onClick={() => remove(n)} />
            </div>
          </div>
        ))}
        {(field.size.max === null || items.length < field.size.max) && (
          <button type="button" className="bide-button bide-add" data-bide-do="add" onClick={add}>
            {texts.form.add(name ?? texts.form.one)}
          </button>
        )}
      </div>
    </Group>
  );
}

/** In a row of its own an item of these kinds needs no label to be seen. */
const COMPACT = new Set(["text", "number", "temporal", "choice", "json"]);
