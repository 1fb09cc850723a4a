import { useEffect, useRef, useState } from "react";
import { useBide } from "../provider.js";
import { CancelButtonView, type CancelButtonViewProps } from "./CancelButtonView.js";
import { isCancelling, isTerminal, type ShownJob } from "./job.js";

export interface CancelButtonProps extends Omit<CancelButtonViewProps, "onCancel" | "pending"> {
  job: (Pick<ShownJob, "status" | "progress" | "cancel_requested_at"> & { id: string }) | null;
  /** What is noted in the job's history. */
  reason?: string;
}

/** Gone once there is nothing to cancel any more; but for its place, while the focus is there. */
export function CancelButton({ job, reason, ...view }: CancelButtonProps) {
  const client = useBide();
  const box = useRef<HTMLDivElement>(null);
  const [focused, setFocused] = useState(false);
  const over = !job || isTerminal(job);

  // The button goes away with the focus: it must not fall back to the top of the page.
  useEffect(() => {
    if (over && focused) box.current?.focus();
  }, [over, focused]);

  if (over && !focused) return null;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only notes where the focus is
    <div
      ref={box}
      className="bide-cancel-place"
      tabIndex={-1}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
    >
      {!over && (
        <CancelButtonView
          {...view}
          pending={isCancelling(job)}
          onCancel={() => client.cancel(job.id, reason === undefined ? {} : { reason })}
        />
      )}
    </div>
  );
}
