export {
  type BideClient,
  type ClientOptions,
  type CreateOptions,
  createClient,
  type Keyed,
  type Signalled,
  type Watching,
  type WatchOptions,
} from "./client.js";
export { BideError, type Flaw } from "./errors.js";
export type { Timing } from "./link.js";
export { finished } from "./reducer.js";
export type { Codec, RequestOptions } from "./request.js";
export type * from "./types.js";
