/** What `bench/wire.ts` makes of its samples: stages, shares, targets, tables. Pure. */
import type { OrderStamps } from "../commands/trading/order_stamps.ts";
import type { RuntimeReport } from "../commands/trading/runtime_watch.ts";

export type Markets = 1 | 4 | 8;

export interface AgeNumbers {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What one case's process says. Nothing in it is of its warm-up but `mostWaiting`. */
export interface EngineAnswer {
  readonly orders: readonly {
    readonly row: OrderStamps;
    /** Names the order to the venue's process. */
    readonly salt: string;
    /** Of the frame that caused it, at the hand-over to the gateway; null when none did, or it had no stamp. */
    readonly ageMs: number | null;
    /** Wall ms. */
    readonly writtenMs: number;
  }[];
  /** Wishes that did not become a request. */
  readonly unsent: number;
  /** From being sent to being acted on, ms: all frames, those of the fast market, those of the books. */
  readonly ageMs: { readonly all: AgeNumbers; readonly books: AgeNumbers; readonly changes: AgeNumbers };
  readonly mostWaiting: number;
  /** Frames a second. */
  readonly rates: { readonly received: number; readonly handled: number; readonly leftOut: number };
  /** Books that the engine did not trust at the end. */
  readonly untrusted: number;
  /** How often a book was void because changes of it were left out. */
  readonly voids: number;
  /** Wishes that the gate refused or that were given up, by code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Share of the time in which the process was ready to run and had no core; null where the system does not tell. */
  readonly coreWait: number | null;
  readonly runtime: RuntimeReport;
}

/** What the flood says of the measured seconds; null in an idle case. */
export interface FloodFigures {
  readonly perSecond: number;
  /** Frames that were due and not made, because the engine left too much unread. */
  readonly unsent: number;
  /** Longest that a frame waited for the kernel, ms. */
  readonly heldMs: number;
}

export interface StageFigures {
  readonly stage: string;
  readonly n: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Of all the orders' time, 0..1, with the sync and without; null for what is no stage. */
  readonly share: number | null;
  readonly shareWithoutSync: number | null;
}

export interface CaseFigures {
  readonly markets: Markets;
  /** Frames a second asked of the flood; 0: idle. */
  readonly burst: number;
  readonly orders: number;
  /** Caused by a frame; the others by a clock. */
  readonly byFrame: number;
  /** Written, and never seen by the venue. */
  readonly missing: number;
  readonly unsent: number;
  readonly stages: readonly StageFigures[];
  readonly ageMs: EngineAnswer["ageMs"];
  /** Of the frames that caused an order. */
  readonly orderAgeMs: AgeNumbers;
  readonly mostWaiting: number;
  readonly rates: EngineAnswer["rates"];
  readonly untrusted: number;
  readonly voids: number;
  readonly refused: EngineAnswer["refused"];
  readonly coreWait: number | null;
  readonly flood: FloodFigures | null;
  readonly runtime: RuntimeReport;
}

export const TARGETS = {
  /** Idle, without the journal's sync. */
  p50Us: 300,
  p99Us: 2_000,
  /** Under a burst: the 99th percentile of the age of the frames acted on. */
  ageMs: 20,
  /** Under a burst: frames that may wait at once: 1,000 of books, and what else comes meanwhile. */
  waiting: 1_500,
  /** Share of the asked rate that makes a burst the burst that was asked for. */
  flood: 0.95,
} as const;

type Stamps = Record<"takenUs" | "signedUs" | "journalledUs" | "writtenUs", number> & OrderStamps;

const STAGES = {
  receive: ({ receivedUs, handledUs }) => handledUs - receivedUs,
  decode: ({ handledUs, decodedUs }) => decodedUs - handledUs,
  decide: ({ decodedUs, takenUs }) => takenUs - decodedUs,
  sign: ({ takenUs, signedUs }) => signedUs - takenUs,
  "journal (sync)": ({ signedUs, journalledUs }) => journalledUs - signedUs,
  write: ({ journalledUs, writtenUs }) => writtenUs - journalledUs,
} as const satisfies Record<string, (row: Stamps) => number>;
export const SYNC = "journal (sync)";

/** Names of the stages, in the order in which an order passes them. */
export const STAGE_NAMES = Object.keys(STAGES);
export const WITH_SYNC = "tick to wire";
export const WITHOUT_SYNC = "without the sync";
export const FLIGHT = "written to venue";

const inOrder = (values: readonly number[]): readonly number[] => values.toSorted((a, b) => a - b);
const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function figuresOf(
  stage: string,
  values: readonly number[],
  totals: readonly [number, number] | null,
): StageFigures {
  const sorted = inOrder(values);
  const us = (share: number) => Math.round(at(sorted, share));
  const of = (total: number) => total > 0 ? sum(values) / total : null;
  return {
    stage,
    n: values.length,
    ...{ p50Us: us(0.5), p90Us: us(0.9), p99Us: us(0.99), maxUs: us(1) },
    share: totals === null ? null : of(totals[0]),
    shareWithoutSync: totals === null || stage === SYNC ? null : of(totals[1]),
  };
}

/** `arrivals`: wall ms at which the venue had an order's request, by salt. */
export function caseFigures(
  of: { readonly markets: Markets; readonly burst: number; readonly flood: FloodFigures | null },
  answer: EngineAnswer,
  arrivals: Readonly<Record<string, number>>,
): CaseFigures {
  const rows = answer.orders.map(({ row }) => row as Stamps).filter((row) => row.handledUs > row.receivedUs);
  const columns = Object.entries(STAGES).map(([stage, value]) => ({ stage, values: rows.map(value) }));
  const whole = rows.map((row) => row.writtenUs - row.receivedUs);
  const quick = rows.map((row) => row.writtenUs - row.receivedUs - (row.journalledUs - row.signedUs));
  const totals = [sum(whole), sum(quick)] as const;
  const flights = answer.orders.flatMap(({ salt, writtenMs }) => {
    const there = arrivals[salt];
    return there === undefined ? [] : [(there - writtenMs) * 1_000];
  });
  const orderAges = inOrder(answer.orders.flatMap(({ ageMs }) => ageMs ?? []));
  const { ageMs, coreWait, mostWaiting, rates, refused, runtime, unsent, untrusted, voids } = answer;
  return {
    ...of,
    orders: answer.orders.length,
    byFrame: rows.length,
    missing: answer.orders.length - flights.length,
    stages: [
      ...columns.map(({ stage, values }) => figuresOf(stage, values, totals)),
      figuresOf(WITH_SYNC, whole, null),
      figuresOf(WITHOUT_SYNC, quick, null),
      figuresOf(FLIGHT, flights, null),
    ],
    orderAgeMs: {
      n: orderAges.length,
      ...{ p50: at(orderAges, 0.5), p99: at(orderAges, 0.99), max: at(orderAges, 1) },
    },
    ...{ ageMs, coreWait, mostWaiting, rates, refused, runtime, unsent, untrusted, voids },
  };
}

export const caseName = ({ burst, markets }: Pick<CaseFigures, "burst" | "markets">): string =>
  `${markets} market${markets === 1 ? "" : "s"}${
    burst === 0 ? ", idle" : `, ${burst.toLocaleString("en-US")}/s`
  }`;

export const stageOf = (of: CaseFigures, stage: string): StageFigures =>
  of.stages.find((one) => one.stage === stage)!;

/** What a case misses, in words; nothing when it meets its targets. */
export function missesOf(of: CaseFigures): string[] {
  const misses: string[] = [];
  const miss = (what: string) => void misses.push(`${caseName(of)}: ${what}`);
  const { n, p50Us, p99Us } = stageOf(of, WITHOUT_SYNC);
  if (n === 0) miss("no order was caused by a frame");
  if (of.missing > 0) miss(`${of.missing} orders were written and never seen by the venue`);
  if (of.burst === 0) {
    if (p50Us > TARGETS.p50Us) {
      miss(`tick to wire without the sync, p50 ${p50Us} us, target ${TARGETS.p50Us}`);
    }
    if (p99Us > TARGETS.p99Us) {
      miss(`tick to wire without the sync, p99 ${p99Us} us, target ${TARGETS.p99Us}`);
    }
    return misses;
  }
  const age = of.ageMs.all.p99;
  if (!(age < TARGETS.ageMs)) {
    miss(`age of the frames acted on, p99 ${age.toFixed(1)} ms, target ${TARGETS.ageMs}`);
  }
  if (of.mostWaiting > TARGETS.waiting) {
    miss(`${of.mostWaiting} frames waited at once, target ${TARGETS.waiting}`);
  }
  if ((of.flood?.unsent ?? 0) > 0) miss(`${of.flood!.unsent} frames could not be sent: 4 MB lay unread`);
  return misses;
}

/** What must be known to read the figures aright. */
export function notesOf(cases: readonly CaseFigures[]): string[] {
  const notes: string[] = [];
  for (const of of cases) {
    const name = caseName(of);
    if (of.byFrame < 100) {
      notes.push(`${name}: ${of.byFrame} orders caused by a frame: its p99 is the worst or nearly`);
    }
    if (of.unsent > 0) notes.push(`${name}: ${of.unsent} wishes were given up before the wire`);
    const refused = Object.entries(of.refused).map(([code, times]) => `${code} ${times}`);
    if (refused.length > 0) notes.push(`${name}: wishes not sent: ${refused.join(", ")}`);
    if (of.untrusted > 0) notes.push(`${name}: ${of.untrusted} books were not trusted at the end`);
    if (of.flood !== null && of.flood.perSecond < of.burst * TARGETS.flood) {
      notes.push(`${name}: the flood itself sent ${of.flood.perSecond} frames a second, not ${of.burst}`);
    }
  }
  return notes;
}

export interface Grid {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const msText = (value: number): string => Number.isNaN(value) ? "-" : value.toFixed(1);

/** One row a case. */
export const summaryGrid = (cases: readonly CaseFigures[]): Grid => ({
  head: [
    "case",
    "orders",
    "no sync p50 us",
    "p99 us",
    "with sync p50 us",
    "p99 us",
    "frame age p50 ms",
    "p99 ms",
    "max ms",
    "most waiting",
    "frames/s",
    "handled/s",
  ],
  rows: cases.map((of) => {
    const [without, withSync] = [stageOf(of, WITHOUT_SYNC), stageOf(of, WITH_SYNC)];
    const { max, p50, p99 } = of.ageMs.all;
    return [
      caseName(of),
      String(of.byFrame),
      ...[without.p50Us, without.p99Us, withSync.p50Us, withSync.p99Us].map(String),
      ...[p50, p99, max].map(msText),
      ...[of.mostWaiting, of.rates.received, of.rates.handled].map(String),
    ];
  }),
});

/** One row a stage, p50 / p99 us and its share of the orders' time. */
export const stageGrid = (cases: readonly CaseFigures[]): Grid => ({
  head: ["us p50 / p99, share", ...cases.map(caseName)],
  rows: [...STAGE_NAMES, WITH_SYNC, WITHOUT_SYNC, FLIGHT].map((stage) => [
    stage,
    ...cases.map((of) => {
      const { p50Us, p99Us, share } = stageOf(of, stage);
      return `${p50Us} / ${p99Us}${share === null ? "" : `  ${Math.round(share * 100)} %`}`;
    }),
  ]),
});

/** Pauses of the process itself, and what came of the frames. */
export const runtimeGrid = (cases: readonly CaseFigures[]): Grid => ({
  head: [
    "case",
    "no core",
    "loop lag p50 us",
    "p99 us",
    "max us",
    "collector ms",
    "pauses",
    "longest us",
    "left out/s",
    "books void",
    "order's frame age p50 ms",
    "p99 ms",
  ],
  rows: cases.map((of) => {
    const { gcPauseUs, gcTotalMs, loopLagUs } = of.runtime;
    return [
      caseName(of),
      of.coreWait === null ? "-" : `${Math.round(of.coreWait * 100)} %`,
      ...[loopLagUs?.p50 ?? 0, loopLagUs?.p99 ?? 0, loopLagUs?.max ?? 0].map(String),
      ...[Math.round(gcTotalMs), gcPauseUs?.n ?? 0, gcPauseUs?.max ?? 0, of.rates.leftOut, of.voids].map(
        String,
      ),
      ...[of.orderAgeMs.p50, of.orderAgeMs.p99].map(msText),
    ];
  }),
});
