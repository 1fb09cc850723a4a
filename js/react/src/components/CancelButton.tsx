import { useBide } from "../provider.js";
import { CancelButtonView, type CancelButtonViewProps } from "./CancelButtonView.js";
import { isCancelling, isTerminal, type ShownJob } from "./job.js";

export interface CancelButtonProps extends Omit<CancelButtonViewProps, "onCancel" | "pending"> {
  job: (Pick<ShownJob, "status" | "progress" | "cancel_requested_at"> & { id: string }) | null;
  /** What is noted in the job's history. */
  reason?: string;
}

/** Gone once there is nothing to cancel any more. */
export function CancelButton({ job, reason, ...view }: CancelButtonProps) {
  const client = useBide();
  if (!job || isTerminal(job)) return null;
  return (
    <CancelButtonView
      {...view}
      pending={isCancelling(job)}
      onCancel={() => client.cancel(job.id, reason === undefined ? {} : { reason })}
    />
  );
}
