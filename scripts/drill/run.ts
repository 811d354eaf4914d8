/** Runs one case: break, wait until it is told, end it, wait until everything is whole again. */
import { OperationError } from "../../core/errors.ts";
import type { FeedName } from "../../core/events.ts";
import { LIVE_FEEDS } from "../../feeds/live.ts";
import type { Case, CaseOptions } from "./cases.ts";
import { openStage, type Seen, type Stage } from "./stage.ts";

export type Verdict =
  | "ok"
  | "NOT STARTED"
  | "NOT EXERCISED"
  | "UNDETECTED"
  | "DETECTED LATE"
  | "NOT RECOVERED"
  | "RECOVERED LATE"
  | "REPEATED"
  | "BROKEN";

/** What a case showed. Times are venue ms; null: it did not happen, or did not have to. */
export interface Outcome {
  readonly feed: string;
  readonly fault: string;
  readonly detectedMs: number | null;
  readonly detectLimitMs: number | null;
  readonly recoveredMs: number | null;
  readonly recoverLimitMs: number | null;
  /** Words in which it was told, the first one first. */
  readonly told: readonly string[];
  readonly verdict: Verdict;
  /** What was wrong, beyond the verdict. */
  readonly notes: readonly string[];
}

const WINDOW_MS = 300_000;
/** A window's end of the simulated market; cases around it begin this long before, others well after. */
const BOUNDARY_MS = Date.UTC(2026, 10, 21, 9, 35);
const ROLL_LEAD_MS = 50_000;
const STEADY_LEAD_MS = 280_000;
const SETTLE_MS = 3_000;
const START_MS = 60_000;
/** How much longer than allowed is waited, so that "late" and "never" can be told apart. */
const PATIENCE = 1.5;

/** The word by which something was told: the code a detail begins with, else the thing's own name. */
export function wordOf(seen: Seen): string {
  const code = /^([A-Z][A-Z_]+):?/.exec(seen.detail)?.[1];
  if (code !== undefined) return code;
  switch (seen.kind) {
    case "state":
      return `${seen.name} (${seen.detail.replace(/^.*?(Invalid status code: \d+).*$/, "$1").slice(0, 40)})`;
    case "counter":
    case "book":
      return seen.name;
    case "log":
      return /\b([A-Z]+_[A-Z_]+)\b/.exec(seen.detail)?.[1] ?? `log: ${seen.detail.slice(0, 30)}`;
    case "event":
      return `${seen.name} ${seen.detail.split(" ").at(-1)}`;
  }
}

interface Findings {
  detectedMs: number | null;
  recoveredMs: number | null;
  told: string[];
  notes: string[];
  verdict: Verdict | null;
}

const isFeed = (name: string): name is FeedName => !name.startsWith("rest:");

/** Every word that tells it, in order, each once; at most four. */
function wordsOf(stage: Stage, from: number, tells: Case["tells"]): string[] {
  const words = stage.seen.slice(from).filter((seen) => tells.some((tell) => tell(seen))).map(wordOf);
  return [...new Set(words)].slice(0, 4);
}

/** Feeds that must be up for a case to begin, and again for it to end. */
const feedsOf = (one: Case): readonly FeedName[] => isFeed(one.feed) ? [one.feed] : LIVE_FEEDS;

const allLive = (stage: Stage, one: Case): boolean =>
  feedsOf(one).every((feed) => stage.stateOf(feed) === "live");

/** Waits for feeds that are live with data newer than `sinceMs`, and books that are REST's. */
async function wholeAgain(stage: Stage, one: Case, sinceMs: number, forMs: number): Promise<number | null> {
  const deadline = stage.clock.now() + forMs;
  const withBooks = one.feed === "polymarket.market" || one.feed === "rest:clob" || one.feed === "rest:gamma";
  for (;;) {
    const left = deadline - stage.clock.now();
    const at = await stage.until(() => {
      const fresh = feedsOf(one).every((feed) => (stage.lastDatumMs.get(feed) ?? 0) > sinceMs);
      return allLive(stage, one) && fresh ? stage.clock.now() : null;
    }, left);
    if (at === null) return null;
    if (!withBooks || await stage.booksEqual()) return at;
    if (stage.clock.now() >= deadline) return null;
  }
}

/** The event of a roll that counts as whole, or null while it has not come. */
function rollEvent(stage: Stage, one: Case, ended: string, started: string): Seen | null {
  const next = `btc-updown-5m-${(BOUNDARY_MS + WINDOW_MS) / 1000} tradable`;
  return stage.seen.find((seen) => {
    if (seen.kind !== "event") return false;
    if (one.whole === "window") return seen.name === "window" && seen.detail === next;
    if (one.whole === "strike") return seen.name === "strike" && seen.detail.startsWith(started);
    return seen.name === "resolved" && seen.detail === ended;
  }) ?? null;
}

const conditionAt = (stage: Stage, startMs: number): string =>
  stage.live?.windows().find((window) => window.startMs === startMs)?.conditionId ?? "";

/** When the venue closed a window, as its REST says; null when it did not in time. */
async function closedAt(stage: Stage, conditionId: string): Promise<number | null> {
  for (let i = 0; i < 200; i++) {
    const response = await fetch(`${stage.venue.endpoints.clob}/markets/${conditionId}`);
    if ((await response.json() as { closed?: boolean }).closed === true) return stage.clock.now();
    await stage.sleep(1_000);
  }
  return null;
}

function exercised(stage: Stage, found: Findings): void {
  const idle = stage.venue.faults.list().filter((fault) => fault.hits === 0);
  for (const fault of idle) found.notes.push(`${fault.spec.kind}@${fault.spec.target} touched nothing`);
  if (idle.length > 0) found.verdict ??= "NOT EXERCISED";
}

async function detect(stage: Stage, one: Case, from: number, t0: number, found: Findings): Promise<void> {
  if (one.tells.length === 0) return;
  const first = await stage.until(
    () => stage.seen.slice(from).find((seen) => one.tells.some((tell) => tell(seen))) ?? null,
    one.detectLimitMs * PATIENCE + 5_000,
  );
  found.detectedMs = first === null ? null : Math.max(0, first.atMs - t0);
}

async function steady(stage: Stage, one: Case, found: Findings): Promise<void> {
  const { faults } = stage.venue;
  const from = stage.seen.length;
  const t0 = stage.clock.now();
  for (const spec of one.specs) faults.add(spec);
  await detect(stage, one, from, t0, found);
  let endMs = t0;
  if (one.holdMs !== null) {
    await stage.sleep(Math.max(0, t0 + one.holdMs - stage.clock.now()));
    exercised(stage, found);
    if (one.whole === "never") return await stayedAway(stage, one, from, found);
    faults.clear();
    endMs = stage.clock.now();
  }
  // What was fresh before the fault was told is no proof of being whole after it.
  const since = Math.max(endMs, t0 + (found.detectedMs ?? 0));
  const at = await wholeAgain(stage, one, since, one.recoverLimitMs * PATIENCE + 10_000 + since - endMs);
  found.recoveredMs = at === null ? null : at - endMs;
  if (one.holdMs === null) exercised(stage, found);
  found.told = wordsOf(stage, from, one.tells);
  if (one.trades === true && stage.sent === 0) {
    found.notes.push("no order was tried");
    found.verdict ??= "NOT EXERCISED";
  }
}

/** A refusal for good must end the attempts: repeating it turns a block of a place into a ban of an address. */
async function stayedAway(stage: Stage, one: Case, from: number, found: Findings): Promise<void> {
  const hits = () => stage.venue.faults.list().reduce((sum, fault) => sum + fault.hits, 0);
  const before = hits();
  await stage.sleep(60_000);
  if (hits() !== before) found.verdict = "REPEATED";
  if (isFeed(one.feed) && stage.stateOf(one.feed) !== "down") found.verdict ??= "NOT RECOVERED";
  found.told = wordsOf(stage, from, one.tells);
}

async function roll(stage: Stage, one: Case, found: Findings): Promise<void> {
  const { faults } = stage.venue;
  const ended = conditionAt(stage, BOUNDARY_MS - WINDOW_MS);
  const started = conditionAt(stage, BOUNDARY_MS);
  const t0 = stage.clock.now();
  for (const spec of one.specs) faults.add(spec);
  await stage.sleep(Math.max(0, BOUNDARY_MS - t0));
  const from = stage.seen.length;
  await detect(stage, one, from, BOUNDARY_MS, found);
  let endMs = one.whole === "resolved" ? await closedAt(stage, ended) ?? BOUNDARY_MS : BOUNDARY_MS;
  if (one.holdMs !== null) {
    await stage.sleep(Math.max(0, t0 + one.holdMs - stage.clock.now()));
    exercised(stage, found);
    faults.clear();
    endMs = stage.clock.now();
  }
  const event = await stage.until(
    () => rollEvent(stage, one, ended, started),
    one.recoverLimitMs * PATIENCE + 10_000,
  );
  found.recoveredMs = event === null ? null : Math.max(0, event.atMs - endMs);
  found.told = wordsOf(stage, from, one.tells);
  if (event !== null && one.whole !== "window") found.told.push(wordOf(event));
  // What came although the fault was there did not have to be told.
  if (one.tells.length > 0 && event !== null && event.atMs < endMs) found.detectedMs ??= 0;
  if (one.whole === "resolved") {
    await stage.until(() => faults.list().every((fault) => fault.hits > 0) ? true : null, 5_000);
  }
  if (one.holdMs === null) exercised(stage, found);
}

/** The faults are there first; opening must end in an error that names its kind, or go on without. */
async function opening(stage: Stage, one: Case, found: Findings): Promise<void> {
  const { faults } = stage.venue;
  const t0 = stage.clock.now();
  for (const spec of one.specs) faults.add(spec);
  // A hanging host is let go when its deadline has passed.
  const opened = await stage.openFeeds().then(() => true, (error: unknown) => {
    if (!(error instanceof OperationError)) throw error;
    const atMs = stage.clock.now();
    stage.seen.push({
      atMs,
      feed: null,
      kind: "log",
      name: "error",
      detail: `${error.code}: ${error.message}`,
    });
    return false;
  });
  await detect(stage, one, 0, t0, found);
  exercised(stage, found);
  faults.clear();
  const endMs = stage.clock.now();
  if (!opened) await stage.openFeeds();
  const at = await wholeAgain(stage, one, endMs, one.recoverLimitMs * PATIENCE + 10_000);
  found.recoveredMs = at === null ? null : at - endMs;
  found.told = wordsOf(stage, 0, one.tells);
}

function judge(one: Case, found: Findings, broken: readonly string[]): Verdict {
  if (found.verdict !== null) return found.verdict;
  if (broken.length > 0) return "BROKEN";
  if (one.tells.length > 0) {
    if (found.detectedMs === null) return "UNDETECTED";
    if (found.detectedMs > one.detectLimitMs) return "DETECTED LATE";
  }
  if (one.whole === "never") return "ok";
  if (found.recoveredMs === null) return "NOT RECOVERED";
  return found.recoveredMs > one.recoverLimitMs ? "RECOVERED LATE" : "ok";
}

async function act(stage: Stage, one: Case, found: Findings): Promise<void> {
  if (one.at === "open") return await opening(stage, one, found);
  await stage.openFeeds();
  const up = await stage.until(
    () => LIVE_FEEDS.every((feed) => stage.stateOf(feed) === "live") || null,
    START_MS,
  );
  if (up === null || !(await stage.booksEqual() || await stage.booksEqual())) {
    found.verdict = "NOT STARTED";
    return;
  }
  await stage.sleep(SETTLE_MS);
  return one.at === "roll" ? await roll(stage, one, found) : await steady(stage, one, found);
}

/** Runs one case on a venue of its own. Never throws: what goes wrong is in the outcome. */
export async function runCase(one: Case, seed: number, options: CaseOptions): Promise<Outcome> {
  const startMs = BOUNDARY_MS - (one.at === "roll" ? ROLL_LEAD_MS : STEADY_LEAD_MS);
  const found: Findings = { detectedMs: null, recoveredMs: null, told: [], notes: [], verdict: null };
  const stage = await openStage({
    seed,
    speed: options.speed,
    startMs,
    limits: options.limits,
    trades: one.trades === true,
  });
  try {
    await act(stage, one, found);
  } catch (error) {
    stage.broken.push(error instanceof Error ? error.stack ?? error.message : String(error));
  } finally {
    await stage.close();
  }
  return {
    feed: one.feed,
    fault: one.fault,
    detectedMs: found.detectedMs,
    detectLimitMs: one.tells.length === 0 ? null : Math.round(one.detectLimitMs),
    recoveredMs: found.recoveredMs,
    recoverLimitMs: one.whole === "never" ? null : Math.round(one.recoverLimitMs),
    told: found.told,
    verdict: judge(one, found, stage.broken),
    notes: [...found.notes, ...stage.broken.slice(0, 5)],
  };
}

/** Verdicts that a busy machine can cause: at 20x, a pause of a tenth of a second is two seconds. */
const TIMED: ReadonlySet<Verdict> = new Set([
  "DETECTED LATE",
  "RECOVERED LATE",
  "NOT STARTED",
  "NOT EXERCISED",
]);

/**
 * Runs cases side by side on `lanes` venues, then once more, alone, those that were only too late. `onDone` hears each as it
 * ends. In the order of `cases`.
 */
export async function runCases(
  cases: readonly Case[],
  lanes: number,
  options: CaseOptions,
  onDone: (outcome: Outcome, count: number) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  let count = 0;
  const run = async (i: number): Promise<Outcome> => outcomes[i] = await runCase(cases[i]!, 7 + i, options);
  const lane = async (): Promise<void> => {
    for (let i = next++; i < cases.length; i = next++) onDone(await run(i), ++count);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  for (const i of cases.keys()) {
    if (!TIMED.has(outcomes[i]!.verdict)) continue;
    const outcome = await run(i);
    onDone(outcome, count);
  }
  return outcomes;
}
