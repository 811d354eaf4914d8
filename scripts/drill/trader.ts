/**
 * The process that the crash drill kills: the live stack with a busy hand in front of it. It is told what to do by JSON lines
 * on stdin and says how far it is on stdout:
 *   in   {"spec"}                 first line, see `TraderSpec`
 *   out  {"type":"started"}       reconciled, and what the ledger says at this moment
 *   out  {"type":"settled"}       nothing is under way any more
 *   in   "trade" | "stop"         arms the crash point of that phase and begins
 *   out  {"type":"trading"}, {"type":"stopped"}
 */
import type { Instrument } from "../../core/market/instrument.ts";
import { nextInt, seededRandom } from "../../core/random.ts";
import type { Ms } from "../../core/units.ts";
import { scaledClock } from "../../feeds/clock.ts";
import type { StartReport, StopReport } from "../../feeds/gateway/types.ts";
import type { WalletState } from "../../feeds/journal/state.ts";
import type { CrashPlan } from "./crash_plan.ts";
import { Trap } from "./crash_point.ts";
import { type BookText, bookText } from "./journal_facts.ts";
import { openLiveStack, type StackAccount } from "./live_stack.ts";
import { openFlow } from "./order_flow.ts";

export interface TraderSpec {
  readonly port: number;
  readonly speed: number;
  /** Venue time at a moment of the wall clock, both ms. */
  readonly venueMs: number;
  readonly wallMs: number;
  readonly folder: string;
  readonly account: StackAccount;
  readonly markets: readonly Instrument[];
  /** Begins the ids of orders. */
  readonly prefix: string;
  readonly plan: Pick<CrashPlan, "phase" | "point" | "seed">;
}

export type TraderSays =
  | { readonly type: "started"; readonly report: StartReport; readonly provisional: BookText }
  | {
    readonly type: "settled";
    readonly provisional: BookText;
    readonly final: BookText;
    readonly alarms: readonly string[];
  }
  | { readonly type: "trading" }
  | { readonly type: "stopped"; readonly report: StopReport }
  | { readonly type: "failed"; readonly message: string };

/** Pause between two wishes, wall ms. */
const PAUSE_MS = 12;
const SETTLE_WITHIN_MS = 180_000 as Ms;

const say = (what: TraderSays): void => console.log(JSON.stringify(what));

/** Whether nothing of the wallet's is on its way, open or unsettled. */
export const isSettled = ({ life }: WalletState): boolean => {
  for (const { state, stale, disputed } of life.orders.values()) {
    if (stale || disputed) return false;
    if (state !== "filled" && state !== "cancelled" && state !== "rejected" && state !== "expired") {
      return false;
    }
  }
  for (const { state, legs } of life.trades.values()) {
    if (legs.length > 0 && state !== "confirmed" && state !== "failed") return false;
  }
  return true;
};

async function run(spec: TraderSpec, commands: AsyncIterator<string>): Promise<void> {
  const { plan, speed } = spec;
  const clock = scaledClock(spec.venueMs + (Date.now() - spec.wallMs) * speed, speed);
  const random = seededRandom(plan.seed);
  const trap = new Trap();
  const alarms: string[] = [];
  if (plan.phase === "start") trap.arm(plan.point);
  const stack = await openLiveStack({
    ...spec,
    clock,
    random: (into) => {
      for (let i = 0; i < into.length; i++) into[i] = nextInt(random, 256);
    },
    onAlarm: (code, detail) => void alarms.push(`${code}: ${detail}`),
    wrapEntry: trap.wrapEntry,
    wrapJournal: trap.wrapJournal,
  });
  const { gateway } = stack;
  const observe = () => {
    for (const instrument of spec.markets) {
      const at = clock.now();
      gateway.observe({ type: "window", tExchange: at, tReceive: at, instrument });
    }
  };
  observe();
  const report = await gateway.start();
  const ticking = setInterval(() => gateway.tick(), 10);
  say({ type: "started", report, provisional: bookText(gateway.wallet.ledgers.provisional) });
  const until = clock.now() + SETTLE_WITHIN_MS;
  while (!isSettled(gateway.wallet) && clock.now() < until) await new Promise((next) => setTimeout(next, 10));
  const { provisional, final } = gateway.wallet.ledgers;
  say({ type: "settled", provisional: bookText(provisional), final: bookText(final), alarms });
  const wish = openFlow({
    random,
    markets: spec.markets,
    prefix: spec.prefix,
    wallet: () => gateway.wallet,
    now: () => clock.now(),
  });
  let trading: ReturnType<typeof setInterval> | undefined;
  for (;;) {
    const { value, done } = await commands.next();
    if (done === true || value === "stop") break;
    if (plan.phase === "trade") trap.arm(plan.point);
    say({ type: "trading" });
    trading = setInterval(() => gateway.submit(wish(), clock.now()), PAUSE_MS);
  }
  clearInterval(trading);
  if (plan.phase === "stop") trap.arm(plan.point);
  const ended = await gateway.stop();
  clearInterval(ticking);
  say({ type: "stopped", report: ended });
  await stack.close();
}

/** Lines of stdin. */
export async function* lines(): AsyncGenerator<string> {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

if (import.meta.main) {
  const commands = lines();
  const first = await commands.next();
  try {
    await run(JSON.parse(first.value ?? "") as TraderSpec, commands);
    Deno.exit(0);
  } catch (error) {
    say({ type: "failed", message: error instanceof Error ? error.stack ?? error.message : String(error) });
    Deno.exit(1);
  }
}
