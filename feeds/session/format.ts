/**
 * The record of a session: everything that entered the engine and everything that left it, in one order.
 * `docs/sessions.md` is the description for people; this file is the one for programs.
 *
 * `events.jsonl.gz` is made of gzip members (blocks). The first line of a block says its number and the chain up to the
 * block before it; the first block says next what the engine was made of. Every other line is a JSON array:
 *   [0, event]  the engine was given this event        [1, event]  as before, another of the same instant follows
 *   ["d", decision]  it decided (the canonical line)   ["i", intent]  it let this out
 * and what left the engine stands behind the event that caused it.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { invariant } from "../../core/errors.ts";
import type { Intent } from "../../core/events.ts";
import { CHAIN_START } from "../tape/format.ts";
import { damaged } from "./errors.ts";

export const SESSION_SCHEMA = "poly-edge-session/1";
export const SESSION_NAME = "session.json";
export const EVENTS_NAME = "events.jsonl.gz";
export const DECISIONS_NAME = "decisions.jsonl";

const count = z.int().nonnegative();
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const sizingSchema = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("fixed"), amount: count }),
  z.strictObject({ mode: z.literal("fraction"), fraction: z.number() }),
  z.strictObject({ mode: z.literal("kelly"), fraction: z.number() }),
]);

/** What the engine was made of, and by which code: enough to make it again. Holds no secret. */
export const startSchema = z.strictObject({
  id: z.string(),
  mode: z.enum(["paper", "live"]),
  source: z.enum(["sockets", "tape"]),
  venue: z.string(),
  code: z.strictObject({
    version: z.string(),
    /** Digest of the names and the order of the policy's inputs. */
    features: z.string(),
    /** `arithmeticFingerprint()` of the machine that decided. */
    arithmetic: z.string(),
  }),
  strategy: z.strictObject({
    name: z.string(),
    seed: z.int(),
    params: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
    /** SHA-256 of the model file that decided; absent when a strategy of the program did. */
    model: hash.optional(),
  }),
  sizing: sizingSchema,
  /** `RiskLimits` by name. */
  limits: z.record(z.string(), z.union([z.number(), z.boolean()])),
  /** pUSD millionths. */
  bankroll: z.int(),
  credit: z.int().nullable(),
  orderMaxAgeMs: z.number(),
  decideEveryMs: z.number().nullable(),
  slippageTicks: z.number().nullable(),
  assets: z.array(z.string()),
  durations: z.array(z.string()),
  /** Digest of the whole configuration, to tell sessions of one setting from others. */
  config: hash,
});
export type SessionStart = z.infer<typeof startSchema>;

/** What the record came to. `hash` is the last link of the chain over its blocks. */
export const recordTotalsSchema = z.strictObject({
  blocks: count,
  lines: count,
  events: count,
  decisions: count,
  intents: count,
  bytes: count,
  hash,
});
export type RecordTotals = z.infer<typeof recordTotalsSchema>;

/**
 * `open`: being written, or its writer was killed. `closed`: ended in order. `failed`: ended by an error; the record is
 * whole, but the last step may lack what left the engine.
 */
export const manifestSchema = z.strictObject({
  schema: z.literal(SESSION_SCHEMA),
  state: z.enum(["open", "closed", "failed"]),
  start: startSchema,
  record: recordTotalsSchema.nullable(),
  /** Hash of the last line of decisions.jsonl. */
  decisionsHash: hash.nullable(),
  /** The `data` that the command printed. */
  result: z.unknown(),
});
export type SessionManifest = z.infer<typeof manifestSchema>;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const SEAL = /\n {2}"seal": "([0-9a-f]{64})"\n}\n$/;
const sealLine = (seal: string): string => `\n  "seal": "${seal}"\n}\n`;

/** Text of session.json. Its last line holds the digest of the text itself (with zeros in that place): no byte is free. */
export function sealManifest(manifest: SessionManifest): string {
  const blank = `${JSON.stringify({ ...manifest, seal: CHAIN_START }, null, 2)}\n`;
  invariant(SEAL.test(blank), "the seal is the last line");
  return blank.replace(SEAL, () => sealLine(sha256(blank)));
}

/** Reads session.json. Throws SESSION_DAMAGED when its seal or its shape is wrong. */
export function parseManifest(text: string, path: string): SessionManifest {
  const seal = SEAL.exec(text)?.[1];
  if (seal === undefined) throw damaged(path, null, "it is no whole session file: its seal is missing");
  if (sha256(text.replace(SEAL, () => sealLine(CHAIN_START))) !== seal) {
    throw damaged(path, null, "its text does not match its seal");
  }
  const { seal: _, ...value } = JSON.parse(text) as Record<string, unknown>;
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw damaged(path, null, `not ${SESSION_SCHEMA}: ${issue?.path.join(".") || "file"}: ${issue?.message}`);
}

/** First line of a block. */
export const blockLine = (block: number, previous: string): string =>
  `{"block":${block},"previous":"${previous}"}`;
/** Second line of the first block. */
export const startLine = (start: SessionStart): string => JSON.stringify({ schema: SESSION_SCHEMA, start });
/** `line` is the decision's canonical line. */
export const decisionRecord = (line: string): string => `["d",${line}]`;
export const intentRecord = (intent: Intent): string => `["i",${JSON.stringify(intent)}]`;
