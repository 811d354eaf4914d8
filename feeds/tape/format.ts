/**
 * The tape: a folder with one manifest (`tape.json`) and gzip JSONL segments. `docs/tape.md` is the description for
 * people; this file is the one for programs. A line is a normalised market event of `core/events.ts`, or a raw frame
 * `{"feed","tReceive","raw"}` that a codec decodes when the tape is read.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { OperationError } from "../../core/errors.ts";
import type { FeedName, MarketEvent } from "../../core/events.ts";
import { ASSETS, DURATIONS } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";

export const TAPE_SCHEMA = "poly-edge-tape/1";
export const MANIFEST_NAME = "tape.json";
/** `layout` of tapes that `record` wrote. */
export const RECORDED_LAYOUT = "recorded";
/** What the first file's chain link is built upon. */
export const CHAIN_START = "0".repeat(64);

/** One frame exactly as a socket delivered it; `raw` is the text of the message. */
export interface RawFrame {
  readonly feed: FeedName;
  readonly tReceive: Ms;
  readonly raw: string;
}
export type TapeEntry = MarketEvent | RawFrame;
/** Raw frames are told from events by their `raw` text. */
export const isRawFrame = (entry: TapeEntry): entry is RawFrame => "raw" in entry;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
const milliseconds = z.int();

/** One gzip segment. `sha256` is over the compressed bytes, `chain` over the previous chain and that hash. */
export const tapeFileSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9._-]+$/),
  lines: count,
  bytes: count,
  sha256: hash,
  chain: hash,
  from: milliseconds.nullable(),
  to: milliseconds.nullable(),
});
export type TapeFile = z.infer<typeof tapeFileSchema>;

/** One window of the tape. Times are the venue's, `firstMs`/`lastMs` the first and last recorded datum. */
export const tapeWindowSchema = z.strictObject({
  slug: z.string(),
  conditionId: z.string(),
  asset: z.enum(ASSETS),
  duration: z.enum(DURATIONS),
  startMs: milliseconds,
  endMs: milliseconds,
  outcome: z.enum(["up", "down"]).nullable(),
  /** Who says so: `venue` the market, `inferred` the last quotes, null nobody. */
  outcomeSource: z.enum(["venue", "inferred"]).nullable(),
  /** The recording covers the window from its first to its last seconds without a long gap. */
  complete: z.boolean(),
  strike: z.strictObject({ value: z.number(), basis: z.string(), source: z.string() }).optional(),
  firstMs: milliseconds.optional(),
  lastMs: milliseconds.optional(),
});
export type TapeWindow = z.infer<typeof tapeWindowSchema>;

/** The manifest. Unknown keys are refused, so that a newer format is not half understood. */
export const manifestSchema = z.strictObject({
  schema: z.literal(TAPE_SCHEMA),
  /** Where the recording comes from, for people. */
  source: z.string(),
  /** Name of the importer, or `recorded`. */
  layout: z.string(),
  licence: z.string(),
  /** false: the writer did not reach its end; the last segment may be torn and is not listed. */
  complete: z.boolean(),
  assets: z.array(z.enum(ASSETS)),
  durations: z.array(z.enum(DURATIONS)),
  windows: z.array(tapeWindowSchema),
  /** First and last `tReceive`; null on an empty tape. */
  from: milliseconds.nullable(),
  to: milliseconds.nullable(),
  /** Lines of the tape, raw frames included. */
  events: count,
  /** Lines by event type; raw frames as `raw:<feed>`. */
  counts: z.record(z.string(), count),
  /** Inputs a strategy may want that this recording does not have, for example `down.book`. */
  absent: z.array(z.string()),
  /** Rows of the source left out on purpose, by reason. */
  skipped: z.record(z.string(), count),
  /** Rows of the source that could not be understood. */
  unrecognised: count,
  files: z.array(tapeFileSchema),
  /** Assumptions and peculiarities, for people. */
  notes: z.array(z.string()),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** sha256 of bytes or text as lower-case hex. */
export const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** chain_i = sha256(chain_{i-1} || sha256_i), both as hex text; the first previous is 64 zeros. */
export const chainHash = (previous: string, fileHash: string): string => sha256(previous + fileHash);

/** Parses the text of a manifest. Throws TAPE_INVALID naming the first field that is wrong. */
export function parseManifest(text: string, path: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new OperationError({
      code: "TAPE_INVALID",
      message: `Cannot read ${path} as a tape manifest: it is not JSON`,
      hint: "Import or record the tape again.",
      cause,
    });
  }
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new OperationError({
    code: "TAPE_INVALID",
    message: `Cannot read ${path} as ${TAPE_SCHEMA}: ${
      issue?.path.join(".") || "manifest"
    }: ${issue?.message}`,
    hint: "docs/tape.md describes the manifest.",
  });
}
