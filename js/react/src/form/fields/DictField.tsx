import { useId, useRef } from "react";
import { type FieldProps, useForm } from "../context.js";
import { Errors, Group } from "../parts.js";
import { child } from "../pointer.js";
import type { FieldOf, Schema } from "../schema.js";
import { KEY } from "../validate.js";
import { type DictDraft, type Entry, entryOf } from "../value.js";
import { FieldView } from "./FieldView.js";
import { IconButton } from "./IconButton.js";
import { useFocusNext } from "./useFocusNext.js";

export function DictField(props: FieldProps<FieldOf<"dict">, DictDraft>) {
  const { field, draft, pointer, onChange } = props;
  const { texts } = useForm();
  const { min, max } = field.size;
  return (
    <Group {...props} hints={[texts.form.items(min, max)]}>
      <Entries
        values={field.values}
        draft={draft}
        pointer={pointer}
        full={max !== null && draft.entries.length >= max}
        onChange={onChange}
      />
    </Group>
  );
}

interface EntriesProps {
  values: Schema;
  draft: DictDraft;
  pointer: string;
  /** No more may be added. */
  full: boolean;
  onChange: (draft: DictDraft) => void;
}

/** Names that the person gives, each with a value. */
export function Entries({ values, draft, pointer, full, onChange }: EntriesProps) {
  const { root, texts, announce } = useForm();
  const box = useRef<HTMLDivElement>(null);
  const focusNext = useFocusNext(box);
  const { entries } = draft;
  const set = (next: Entry[]) => onChange({ kind: "dict", entries: next });

  function add() {
    const entry = entryOf(root, values);
    set([...entries, entry]);
    focusNext(`[data-bide-item="${entry.id}"] input`);
    announce(texts.form.added(texts.form.entry));
  }
  function remove(entry: Entry, n: number) {
    set(entries.filter((other) => other !== entry));
    const neighbour = entries[n + 1] ?? entries[n - 1];
    focusNext(neighbour ? `[data-bide-item="${neighbour.id}"] [data-bide-do="remove"]` : "[data-bide-do=add]");
    announce(texts.form.removed(entry.key || texts.form.entry));
  }

  return (
    <div ref={box} className="bide-items">
      {entries.map((entry, n) => {
        const change = (next: Partial<Entry>) =>
          set(entries.map((other) => (other === entry ? { ...entry, ...next } : other)));
        const place = child(pointer, entry.key);
        return (
          <div key={entry.id} className="bide-item" data-bide-item={entry.id}>
            <div className="bide-item-body bide-entry">
              <Key entry={entry} pointer={child(place, KEY)} onChange={(key) => change({ key })} />
              <FieldView
                field={root.field(values)}
                draft={entry.draft}
                label={texts.form.value}
                required
                pointer={place}
                onChange={(inner) => change({ draft: inner })}
              />
            </div>
            <div className="bide-item-actions">
              <IconButton
                action="remove"
                label={texts.form.remove(entry.key || `${texts.form.entry} ${n + 1}`)}
                onClick={() => remove(entry, n)}
              />
            </div>
          </div>
        );
      })}
      {!full && (
        <button type="button" className="bide-button bide-add" data-bide-do="add" onClick={add}>
          {texts.form.add(texts.form.entry)}
        </button>
      )}
    </div>
  );
}

function Key({ entry, pointer, onChange }: { entry: Entry; pointer: string; onChange: (key: string) => void }) {
  const { texts, errorsAt } = useForm();
  const id = useId();
  const errors = errorsAt(pointer);
  return (
    <div className="bide-field" data-bide-field="key" data-bide-invalid={errors.length ? "" : undefined}>
      <label htmlFor={id} className="bide-label">
        {texts.form.key}
      </label>
      <input
        id={id}
        className="bide-input"
        type="text"
        value={entry.key}
        data-bide-pointer={pointer}
        aria-required
        aria-invalid={errors.length ? true : undefined}
        aria-describedby={errors.length ? `${id}-error` : undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      {errors.length > 0 && <Errors id={`${id}-error`} messages={errors} />}
    </div>
  );
}
