/** Plays a session's record past one exchange model for each queue model, to see which tells its resting orders best. */
import { z } from "zod";
import type { Event, Intent } from "../../core/events.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import type { ExchangeOptions } from "../../core/exchange/options.ts";
import { fillRatio, type ParityRow } from "../../core/exchange/parity_row.ts";
import { QUEUE_NAMES, queueModel, type QueueName } from "../../core/exchange/queue.ts";
import type { Ms } from "../../core/units.ts";
import { damaged } from "../../feeds/session/errors.ts";
import { EVENTS_NAME } from "../../feeds/session/format.ts";
import type { SessionRecording } from "../../feeds/session/reader.ts";
import type { QueueTrial } from "./parity_fit.ts";

const whole = z.int();
const intentSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("submit"),
    orderId: z.string(),
    conditionId: z.string(),
    token: z.string(),
    outcome: z.enum(["up", "down"]),
    side: z.enum(["buy", "sell"]),
    orderType: z.enum(["GTC", "GTD", "FOK", "FAK"]),
    postOnly: z.boolean(),
    limit: whole,
    size: whole,
    spend: whole,
    expireAt: z.number().optional(),
    bornAt: z.number(),
    maxAge: z.number(),
  }),
  z.strictObject({ type: z.literal("cancel"), orderId: z.string(), bornAt: z.number() }),
]);

const EXECUTIONS: ReadonlySet<string> = new Set(
  [
    "orderAccepted",
    "orderRejected",
    "fill",
    "orderDone",
    "orderUnknown",
    "fillStage",
    "account",
  ] satisfies readonly Event["type"][],
);
/** Answers under way at the end have this long. */
const DRAIN_MS = 10_000;

function parseIntent(line: string): Intent | null {
  let value: unknown;
  try {
    value = JSON.parse(line.slice('["i",'.length, -1));
  } catch {
    return null;
  }
  const parsed = intentSchema.safeParse(value);
  return parsed.success ? parsed.data as Intent : null;
}

interface Trial {
  readonly name: QueueName;
  readonly model: ExchangeModel;
  /** Filled by order: shares and pUSD in millionths. */
  readonly filled: Map<string, { size: number; cash: number }>;
}

function advance(trials: readonly Trial[], now: Ms): void {
  for (const { model, filled } of trials) {
    for (let told = model.advance(now); told.length > 0; told = model.advance(now)) {
      for (const event of told) {
        if (event.type !== "fill") continue;
        const sum = filled.get(event.orderId) ?? { size: 0, cash: 0 };
        sum.size += event.size;
        sum.cash += event.cash;
        filled.set(event.orderId, sum);
      }
    }
  }
}

/**
 * How each queue model would have filled the resting orders among `rows`. `options` are made anew for every model. Throws
 * SESSION_DAMAGED.
 */
export async function queueTrials(
  recording: SessionRecording,
  rows: readonly ParityRow[],
  options: () => ExchangeOptions,
  signal?: AbortSignal,
): Promise<QueueTrial[]> {
  const resting = rows.filter(({ expected, actual }) => expected.kind === "rests" && actual.status !== null);
  if (resting.length === 0) return [];
  const trials: Trial[] = QUEUE_NAMES.map((name) => ({
    name,
    model: new ExchangeModel({ ...options(), queue: queueModel(name), freeFunds: true }),
    filled: new Map(),
  }));
  let last = 0;
  for await (const batch of recording.steps()) {
    signal?.throwIfAborted();
    for (const { event, outputs, line } of batch) {
      const now = event.tReceive;
      last = now;
      advance(trials, now);
      if (!EXECUTIONS.has(event.type)) {
        for (const { model } of trials) model.observe(event as Parameters<ExchangeModel["observe"]>[0]);
      }
      for (const output of outputs) {
        if (!output.startsWith('["i"')) continue;
        const intent = parseIntent(output);
        if (intent === null) throw damaged(`${recording.folder}/${EVENTS_NAME}`, line, "an intent is none");
        for (const { model } of trials) model.submit(intent, now);
      }
    }
  }
  advance(trials, (last + DRAIN_MS) as Ms);
  const none = { size: 0, cash: 0 };
  return resting.map((row) => ({
    actual: fillRatio(row, row.actual),
    predicted: Object.fromEntries(
      trials.map(({ name, filled }) => [name, fillRatio(row, filled.get(row.orderId) ?? none)]),
    ) as Record<QueueName, number>,
  }));
}
