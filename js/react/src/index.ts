import "./styles.css";

export * from "./components/index.js";
export * from "./form/index.js";
export type { EndCallbacks } from "./hooks/useEnd.js";
export { type UseEnqueue, useEnqueue } from "./hooks/useEnqueue.js";
export { type UseJob, type UseJobOptions, useJob } from "./hooks/useJob.js";
export { type UseJobPolling, type UseJobPollingOptions, useJobPolling } from "./hooks/useJobPolling.js";
export { type UseJobs, useJobs } from "./hooks/useJobs.js";
export { useOutput, useTimeline } from "./hooks/useOutput.js";
export { type UsePrompt, usePrompt } from "./hooks/usePrompt.js";
export { type UsePrompts, usePrompts } from "./hooks/usePrompts.js";
export * from "./markdown/index.js";
export { BideProvider, type BideProviderProps, useBide } from "./provider.js";
export * from "./texts/index.js";
