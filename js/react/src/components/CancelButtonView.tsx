import { type ComponentType, useEffect, useRef, useState } from "react";
import { classes } from "../classes.js";
import { useTexts } from "../texts/context.js";

export interface CancelButtonViewProps {
  onCancel: () => unknown;
  /** It was asked for, and is not there yet. */
  pending?: boolean;
  /** Ask once more before. */
  confirm?: boolean;
  /** Other words than those for a job. */
  label?: string | undefined;
  question?: string | undefined;
  components?: CancelParts | undefined;
  className?: string | undefined;
}

export interface CancelParts {
  Button?: ComponentType<{ label: string; busy: boolean; onClick: () => void }>;
  /** Asks once more. `onNo` takes the way back, too. */
  Confirm?: ComponentType<{ question: string; onYes: () => void; onNo: () => void }>;
}

export function CancelButtonView({
  onCancel,
  pending = false,
  confirm = true,
  label,
  question,
  components = {},
  className,
}: CancelButtonViewProps) {
  const texts = useTexts().cancel;
  const { Button = CancelTrigger, Confirm = CancelConfirm } = components;
  const [asking, setAsking] = useState(false);
  const [calling, setCalling] = useState(false);
  const [failed, setFailed] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const moveFocus = useRef<string | null>(null);
  const busy = pending || calling;

  useEffect(() => {
    if (moveFocus.current === null) return;
    box.current?.querySelector<HTMLElement>(`[data-bide-do=${moveFocus.current}]`)?.focus();
    moveFocus.current = null;
  });

  function show(next: boolean, focus: string) {
    setAsking(next);
    moveFocus.current = focus;
  }
  async function cancel() {
    if (busy) return;
    show(false, "cancel");
    setCalling(true);
    setFailed(false);
    try {
      await onCancel();
    } catch {
      setFailed(true);
    } finally {
      setCalling(false);
    }
  }

  return (
    <div ref={box} className={classes("bide-cancel", className)} data-bide-pending={busy ? "" : undefined}>
      {asking ? (
        <Confirm question={question ?? texts.question} onYes={cancel} onNo={() => show(false, "cancel")} />
      ) : (
        <Button
          label={busy ? texts.pending : (label ?? texts.cancel)}
          busy={busy}
          onClick={() => {
            if (busy) return;
            if (confirm) show(true, "no");
            else void cancel();
          }}
        />
      )}
      {failed && (
        <p className="bide-notice bide-notice-error" role="alert">
          {texts.failed}
        </p>
      )}
    </div>
  );
}

function CancelTrigger({ label, busy, onClick }: { label: string; busy: boolean; onClick: () => void }) {
  return (
    <button type="button" className="bide-button" data-bide-do="cancel" aria-disabled={busy} onClick={onClick}>
      {label}
    </button>
  );
}

function CancelConfirm({ question, onYes, onNo }: { question: string; onYes: () => void; onNo: () => void }) {
  const texts = useTexts().cancel;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for the fields of a form; these are two buttons.
    <div
      role="group"
      aria-label={question}
      className="bide-confirm"
      onKeyDown={(event) => event.key === "Escape" && onNo()}
    >
      <span aria-hidden="true">{question}</span>
      <button type="button" className="bide-button bide-danger" data-bide-do="yes" onClick={onYes}>
        {texts.yes}
      </button>
      {/* Where the focus goes first: Enter pressed twice cancels nothing. */}
      <button type="button" className="bide-button" data-bide-do="no" onClick={onNo}>
        {texts.no}
      </button>
    </div>
  );
}
