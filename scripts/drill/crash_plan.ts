/** When each run of the crash drill dies: drawn from the seed, so that a run can be drawn again. */
import { nextInt, seededRandom } from "../../core/random.ts";

export const CRASH_KINDS = [
  "random",
  "after intent",
  "any row",
  "bytes out",
  "before reply",
  "at start",
  "at stop",
  "command line",
] as const;
export type CrashKind = typeof CRASH_KINDS[number];

/**
 * A place in a process at which it kills itself with SIGKILL. `count` from 1. `intent`: after the count-th intent is on disk
 * and before it is sent; `row`: before or after the count-th row of any kind is written; `submit`: after the count-th order
 * was handed to the socket, `delayMs` later, its reply kept back; `reply`: when the count-th reply is here and nobody has
 * heard it; `question`: when the count-th request of any other kind is about to leave.
 */
export type CrashPoint =
  | { readonly at: "intent"; readonly count: number }
  | { readonly at: "row"; readonly count: number; readonly before: boolean }
  | { readonly at: "submit"; readonly count: number; readonly delayMs: number }
  | { readonly at: "reply"; readonly count: number }
  | { readonly at: "question"; readonly count: number };

export interface CrashPlan {
  readonly run: number;
  readonly kind: CrashKind;
  /** In which part of a process's life the point counts. */
  readonly phase: "start" | "trade" | "stop";
  readonly point: CrashPoint | null;
  /** The parent kills this many wall ms after the phase began; also the backstop when the point is not reached. */
  readonly killMs: number;
  /** Wall ms of trading before the phase `stop`, or before the kill that precedes a crash at the start. */
  readonly tradeMs: number;
  /** Command line only: killed, it starts again by itself, and is killed once more before anybody compares. */
  readonly twice: boolean;
  /** What the venue does to the next trades' settlement. */
  readonly settlement: "FAILED" | "RETRYING" | null;
  /** Seed of the orders. */
  readonly seed: number;
}

const SHARES: readonly (readonly [CrashKind, number])[] = [
  ["random", 0.18],
  ["after intent", 0.14],
  ["any row", 0.12],
  ["bytes out", 0.16],
  ["before reply", 0.1],
  ["at start", 0.1],
  ["at stop", 0.08],
  ["command line", 0.12],
];

/** The plan of one run. The same seed and run give the same plan. */
export function planOf(seed: number, run: number): CrashPlan {
  const random = seededRandom(seed * 100_003 + run);
  let draw = random();
  const kind = SHARES.find(([, share]) => (draw -= share) < 0)?.[0] ?? "random";
  const upTo = (bound: number) => 1 + nextInt(random, bound);
  const row = (bound: number): CrashPoint => ({ at: "row", count: upTo(bound), before: random() < 0.5 });
  const question = (bound: number): CrashPoint => ({ at: "question", count: upTo(bound) });
  const settlement = random() < 0.12 ? random() < 0.5 ? "FAILED" : "RETRYING" : null;
  const base = {
    run,
    kind,
    settlement,
    seed: nextInt(random, 2 ** 31),
    tradeMs: 150 + nextInt(random, 700),
    killMs: 4_000,
    phase: "trade",
    point: null,
    twice: false,
  } as const;
  switch (kind) {
    case "random":
      return { ...base, killMs: 20 + nextInt(random, 1_500) };
    case "after intent":
      return { ...base, point: { at: "intent", count: upTo(25) } };
    case "any row":
      return { ...base, point: row(120) };
    case "bytes out": {
      const delayMs = random() < 0.4 ? 0 : nextInt(random, 60);
      return { ...base, point: { at: "submit", count: upTo(25), delayMs } };
    }
    case "before reply":
      return { ...base, point: { at: "reply", count: upTo(20) } };
    case "at start": {
      const how = random();
      const point = how < 0.4 ? row(12) : how < 0.8 ? question(8) : null;
      return { ...base, phase: "start", point, killMs: point === null ? nextInt(random, 1_200) : 4_000 };
    }
    case "at stop": {
      const how = random();
      const point = how < 0.4 ? row(20) : how < 0.8 ? question(5) : null;
      return { ...base, phase: "stop", point, killMs: point === null ? nextInt(random, 600) : 2_500 };
    }
    case "command line":
      return { ...base, killMs: 300 + nextInt(random, 4_000), twice: random() < 0.5 };
  }
}
