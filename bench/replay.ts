/**
 * How fast tapes are replayed: a synthetic full-depth hour (two window lengths of Bitcoin, both tokens, the fast market's
 * depth of twenty, trades, oracle), and the same hour again and again for a day and thirty. Each line is a process of its
 * own, so that peak memory is that line's; beside it, in the same run, the plain reading of JSON lines.
 *
 * Run: deno task bench:replay [--json] [--quick]
 */
import { join } from "node:path";
import { tmpdir } from "node:os";
import { mkdtemp, rm } from "node:fs/promises";
import { cpuUsage } from "node:process";
import { Engine } from "../core/engine.ts";
import { OrderBook } from "../core/market/book.ts";
import { holdPolicy } from "../core/policy/baselines.ts";
import type { Usdc } from "../core/units.ts";
import { defaultConfig } from "../commands/config/schema.ts";
import { paperRun } from "../commands/trading/backtest_run.ts";
import { engineOptions, paperOptions } from "../commands/trading/settings.ts";
import { CacheFile } from "../feeds/tape/cache/cache_file.ts";
import type { OnEvent } from "../feeds/tape/cache/cursor.ts";
import { decodeLine, encodeEntry } from "../feeds/tape/event_codec.ts";
import { makeHour, playHours } from "./replay_market.ts";

/** Strategies of the line with many: every rule there is, and one of them four times with other parameters. */
const MANY = ["random", "momentum", "mean-revert", "fade-spike", "gating", "fair-value", "mean-revert"];
const PEER_EVENTS = 100_000;
const CREDIT = 1_000_000_000_000 as Usdc;

interface Line {
  readonly mode: string;
  readonly hours: number;
}
interface Figures extends Line {
  readonly events: number;
  readonly ms: number;
  readonly eventsPerSecond: number;
  /** Time that a core really worked for it, all threads (collector and compiler too): steadier on a busy machine. */
  readonly cpuMs: number;
  readonly eventsPerCpuSecond: number;
  readonly peakRssMb: number;
  /** Result of the work, so that it cannot be left out: equal in every run. */
  readonly check: string;
}

const config = defaultConfig();
const optionsOf = (strategy: string) => ({
  ...engineOptions(config, { strategy, seed: 42, stops: false }),
  credit: CREDIT,
});

interface Subject {
  readonly onEvent: OnEvent;
  check(): string;
}

function bookSubject(): Subject {
  const books = new Map<string, OrderBook>();
  let sum = 0;
  return {
    onEvent: (event) => {
      if (event.type === "window") {
        for (const token of [event.instrument.upToken, event.instrument.downToken]) {
          books.set(token, new OrderBook());
        }
        // Four windows overlap at most.
        for (const token of books.keys()) {
          if (books.size <= 8) break;
          books.delete(token);
        }
      } else if (event.type === "book") books.get(event.token)?.replace(event.bids, event.asks);
      else if (event.type === "bookDelta") {
        const book = books.get(event.token);
        if (book === undefined) return;
        book.applyDelta(event.changes, event.bestBid, event.bestAsk);
        sum += book.bestBid;
      }
    },
    check: () => String(sum),
  };
}

function featureSubject(): Subject {
  const engine = new Engine({ ...optionsOf("hold"), policy: holdPolicy() });
  return { onEvent: (event, more) => void engine.step(event, more), check: () => String(engine.evaluations) };
}

function strategySubject(strategies: readonly string[]): Subject {
  const runs = strategies.map((strategy) => paperRun(optionsOf(strategy), paperOptions(config)));
  return {
    onEvent: (event, more) => {
      for (let i = 0; i < runs.length; i++) runs[i]!.event(event, more);
    },
    check: () => runs.map((run) => run.decisions.hash.slice(0, 8)).join(" "),
  };
}

function subjectOf(mode: string): Subject {
  switch (mode) {
    case "read":
      return { onEvent: () => {}, check: () => "" };
    case "book":
      return bookSubject();
    case "features":
      return featureSubject();
    case "strategy":
      return strategySubject(["fair-value"]);
    default:
      return strategySubject(MANY);
  }
}

/** Milliseconds of work since `before`. */
function cpuMsSince(before: ReturnType<typeof cpuUsage>): number {
  const { user, system } = cpuUsage(before);
  return (user + system) / 1000;
}

/** The high-water mark of this process: Linux keeps one, elsewhere it is sampled every hour of tape. */
function peakRssMb(sampled: number): number {
  try {
    const peak = /VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"));
    if (peak !== null) return Math.round(Number(peak[1]) / 1000);
  } catch {
    // No such file on this system.
  }
  return Math.round(sampled / 1e6);
}

/** The peer: what reading the same events as JSON lines costs, from memory, without disk and gzip. */
async function peer(path: string): Promise<Figures> {
  const lines: string[] = [];
  const file = await CacheFile.open(path);
  await file!.replay((event) => {
    if (lines.length < PEER_EVENTS) lines.push(encodeEntry(event));
  });
  const pass = () => lines.reduce((sum, line) => sum + (decodeLine(line) === null ? 0 : 1), 0);
  pass();
  const [from, cpu] = [performance.now(), cpuUsage()];
  const events = pass();
  const [ms, cpuMs] = [performance.now() - from, cpuMsSince(cpu)];
  return figures({ mode: "json lines", hours: 1 }, { events, ms, cpuMs, check: String(events), sampled: 0 });
}

const figures = (
  line: Line,
  of: { events: number; ms: number; cpuMs: number; check: string; sampled: number },
): Figures => ({
  ...line,
  events: of.events,
  ms: Math.round(of.ms),
  eventsPerSecond: Math.round(of.events / of.ms * 1000),
  cpuMs: Math.round(of.cpuMs),
  eventsPerCpuSecond: Math.round(of.events / of.cpuMs * 1000),
  peakRssMb: peakRssMb(of.sampled),
  check: of.check,
});

async function measure(line: Line, all: string, books: string): Promise<Figures> {
  if (line.mode === "json lines") return await peer(all);
  const path = line.mode === "book" ? books : all;
  // Compiled code first: an hour costs less than a second, of which the compiler would be half.
  await playHours(path, 1, subjectOf(line.mode).onEvent);
  const subject = subjectOf(line.mode);
  let sampled = 0;
  const [from, cpu] = [performance.now(), cpuUsage()];
  const events = await playHours(path, line.hours, subject.onEvent, () => {
    sampled = Math.max(sampled, Deno.memoryUsage().rss);
  });
  const [ms, cpuMs] = [performance.now() - from, cpuMsSince(cpu)];
  return figures(line, { events, ms, cpuMs, check: subject.check(), sampled });
}

async function measureApart(line: Line, all: string, books: string): Promise<Figures> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", import.meta.filename!, "--line", JSON.stringify(line), all, books],
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${line.mode}: ${text.decode(stderr)}`);
  return JSON.parse(text.decode(stdout)) as Figures;
}

function linesOf(quick: boolean): Line[] {
  const day = quick ? 6 : 24;
  const lines: Line[] = [{ mode: "json lines", hours: 1 }];
  for (const mode of ["read", "book", "features", "strategy", "strategies"]) {
    lines.push({ mode, hours: 1 });
    if (mode !== "read") lines.push({ mode, hours: mode === "strategies" ? 6 : day });
  }
  if (!quick) lines.push({ mode: "strategy", hours: 720 });
  return lines;
}

const TITLES: Readonly<Record<string, string>> = {
  "json lines": "JSON lines decoded (peer)",
  read: "cache read",
  book: "book path alone",
  features: "engine and features",
  strategy: "one strategy, exchange model",
  strategies: `${MANY.length} strategies, exchange models`,
};

async function main(): Promise<void> {
  const asJson = Deno.args.includes("--json");
  const folder = await mkdtemp(join(tmpdir(), "poly-edge-bench-"));
  const [all, books] = [join(folder, "hour.pec"), join(folder, "books.pec")];
  const results: Figures[] = [];
  try {
    await makeHour(all, books);
    if (!asJson) {
      console.log(`${"".padEnd(34)}   hours       events     events/s   per core-second   peak memory`);
    }
    for (const line of linesOf(Deno.args.includes("--quick"))) {
      const result = await measureApart(line, all, books);
      results.push(result);
      if (asJson) continue;
      const { mode, hours, events, eventsPerSecond, eventsPerCpuSecond, peakRssMb } = result;
      const columns = [
        TITLES[mode]!.padEnd(34),
        String(hours).padStart(7),
        events.toLocaleString("en-US").padStart(12),
        eventsPerSecond.toLocaleString("en-US").padStart(12),
        eventsPerCpuSecond.toLocaleString("en-US").padStart(17),
        `${peakRssMb} MB`.padStart(13),
      ];
      console.log(columns.join(" "));
    }
    const bytesPerHour = (await Deno.stat(all)).size;
    if (asJson) console.log(JSON.stringify({ results, bytesPerHour, cores: navigator.hardwareConcurrency }));
    else console.log(`cache of an hour: ${(bytesPerHour / 1e6).toFixed(1)} MB`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const at = Deno.args.indexOf("--line");
if (at < 0) await main();
else {
  const [line = "", all = "", books = ""] = Deno.args.slice(at + 1);
  console.log(JSON.stringify(await measure(JSON.parse(line) as Line, all, books)));
}
