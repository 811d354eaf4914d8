/** What a paper session and the thread that learns beside it say to each other. */
import type { MessagePort } from "node:worker_threads";
import type { Checkpoint } from "./files.ts";
import type { TrainSettings } from "./settings.ts";

/** Words of the shared control memory: posts so far, whether the session is over, blocks that every row has left behind. */
export const ONLINE_WORD = { posts: 0, over: 1, played: 2 } as const;
export const ONLINE_WORDS = 3;
/** How a session is over: the thread plays what it was handed, or leaves at its next look. */
export const OVER = { not: 0, played: 1, now: 2 } as const;

/** The one message to the thread; blocks of events come through `port`. */
export interface OnlineStart {
  readonly settings: TrainSettings;
  readonly folder: string;
  readonly name: string;
  /** Where to go on; null begins anew. */
  readonly checkpoint: Checkpoint | null;
  /** The checkpoint is the folder's own: its metrics go on too. */
  readonly continued: boolean;
  readonly port: MessagePort;
  readonly control: SharedArrayBuffer;
}

/** What the thread says. */
export type OnlineNews =
  | {
    readonly kind: "update";
    readonly updates: number;
    readonly steps: number;
    readonly episodeReturn: number;
    readonly entropy: number;
  }
  | { readonly kind: "collapsed"; readonly message: string }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "done" };
