/** A small part of the feed drill, and what a frozen feed does to trading. The whole: `deno task drill:feeds`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { configSchema } from "../../commands/config/schema.ts";
import { limitsOf } from "../../commands/stream_options.ts";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { allCases } from "../../scripts/drill/cases.ts";
import { runCases } from "../../scripts/drill/run.ts";
import { poly } from "../cli/harness.ts";
import { withFolder } from "../feeds/tape/recordings.ts";

const SPEED = 20;
const CASES = [
  "polymarket.market/freeze",
  "polymarket.market/freeze-stream",
  "polymarket.market/tick-no-book",
  "polymarket.prices/drop",
  "polymarket.prices/gap",
  "binance.futures.public/refuse-429",
  "binance.futures.market/gap",
  "binance.spot/duplicate",
];

Deno.test("feed faults are told in their own words and mended within limits", async () => {
  const options = { limits: limitsOf(configSchema.parse({})), speed: SPEED };
  const cases = allCases(options).filter((one) => CASES.includes(`${one.feed}/${one.fault}`));
  assert.equal(cases.length, CASES.length);
  const outcomes = await runCases(cases, 4, options, () => {});
  const failed = outcomes.filter((one) => one.verdict !== "ok");
  assert.deepEqual(failed, []);
  const told = new Map(outcomes.map((one) => [`${one.feed}/${one.fault}`, one.told]));
  assert.ok(told.get("polymarket.market/freeze")?.includes("SUBSCRIPTION_DEAD"));
  assert.ok(told.get("polymarket.prices/drop")?.includes("SOCKET_DEAD"));
  assert.deepEqual(told.get("binance.futures.market/gap"), ["gaps"]);
});

Deno.test("the drill names what is not noticed: a fault that nothing tells is UNDETECTED", async () => {
  const options = { limits: { "binance.spot": { lateMs: 600_000 } }, speed: SPEED };
  const [blind] = allCases(options).filter((one) => one.feed === "binance.spot" && one.fault === "freeze");
  assert.ok(blind !== undefined);
  const short = { ...blind, detectLimitMs: 10_000, recoverLimitMs: 10_000 };
  const [outcome] = await runCases([short], 1, options, () => {});
  assert.deepEqual([outcome?.verdict, outcome?.detectedMs], ["UNDETECTED", null]);
});

/** Three minutes of a window, the fault in its second half minute. */
const START = Date.UTC(2026, 10, 21, 9, 34, 50);
const FAULT_AFTER_MS = 60_000;

interface Decided {
  readonly t: number;
  /** null: sent. */
  readonly refusal: string | null;
}

async function paper(
  faults: readonly string[],
  strategy: string,
): Promise<{ decided: Decided[]; data: Record<string, unknown> }> {
  const venue = await startVenue({
    seed: 7,
    speed: SPEED,
    startMs: START,
    assets: ["btc"],
    durations: ["5m"],
    historyHours: 2,
    faults: faults.map((fault) => `${fault},start=${FAULT_AFTER_MS}`),
  });
  const result = { decided: [] as Decided[], data: {} as Record<string, unknown> };
  try {
    await withFolder(async (root) => {
      const ran = await poly([
        ...["trade", "--paper", "--venue", `sim:${venue.port}`, "--strategy", strategy, "--for", "100s"],
        ...["--data", root, "--log-level", "off", "--json"],
        // At this speed a millisecond of this machine is twenty of the venue's. The age limits stay what they are.
        ...["--set", "risk.maxSignalAgeMs=5000", "--set", "strategy.params.minEdge=0.001"],
        // Losses are not what is tried here.
        ...["--set", "risk.maxConsecutiveLosses=1000", "--set", "risk.maxDrawdownFraction=1"],
      ]);
      assert.equal(ran.code, 0, ran.err);
      result.data = ran.envelope?.data ?? {};
      const path = join(root, "sessions", String(result.data["session"]), "decisions.jsonl");
      for (const line of (await Deno.readTextFile(path)).split("\n")) {
        if (line === "") continue;
        const { decision } = JSON.parse(line) as { decision: unknown[] };
        const refusal = decision.at(-1) as [string] | null;
        result.decided.push({ t: decision[1] as number, refusal: refusal?.[0] ?? null });
      }
    });
  } finally {
    await venue.close();
  }
  return result;
}

/** Data that had left the venue before the fault may still be on its way, and an age limit may pass, until then. */
const quietFrom = (maxAgeMs: number): number => START + FAULT_AFTER_MS + maxAgeMs + 2_000;

Deno.test("a frozen book feed: the gate refuses with FEED_STALE, then FEED_DOWN, and nothing is sent", async () => {
  const { data, decided } = await paper([
    "freeze@polymarket.market",
    // Else the books are read again over REST, and are fresh for a moment.
  ], "random");
  assert.ok(
    decided.some((one) => one.t < START + FAULT_AFTER_MS && one.refusal === null),
    "sent before the fault",
  );
  const after = decided.filter((one) => one.t > quietFrom(5_000));
  assert.ok(after.length > 10);
  assert.deepEqual(after.filter((one) => one.refusal === null), []);
  const notSent = data["notSent"] as Record<string, number>;
  assert.ok((notSent["FEED_STALE"] ?? 0) > 0 && (notSent["FEED_DOWN"] ?? 0) > 0, JSON.stringify(notSent));
});

Deno.test("frozen exchange feeds: a strategy that needs the fast price sends nothing on an old one", async () => {
  const feeds = ["binance.futures.public", "binance.futures.market", "binance.spot"];
  const { decided } = await paper(feeds.map((feed) => `freeze@${feed}`), "fair-value");
  const before = decided.filter((one) => one.t < START + FAULT_AFTER_MS);
  assert.ok(before.some((one) => one.refusal === null), "sent before the fault");
  assert.deepEqual(decided.filter((one) => one.t > quietFrom(5_000) && one.refusal === null), []);
});
