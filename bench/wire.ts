/**
 * From a frame to an order's bytes, stage by stage, with everything real: sockets, codecs, engine, gate, signature, synced
 * journal, order entry; the simulated venue runs in a process of its own at the speed of life, windows of 5 minutes (8 markets:
 * and of 15). What left is compared with when the venue had it, by the same machine's clock.
 *
 * Cases: 1, 4 and 8 markets, idle and under a burst of 20,000 frames a second from a third process (`wire_flood.ts`), each in a
 * fresh process, so that what one compiled does not help the next.
 *
 * Run: deno task bench:wire [--markets 1|4|8] [--burst RATE|0] [--deltas SHARE] [--seconds 30] [--without rehearsal,ahead,...] [--no-pin] [--v8 FLAGS] [--json]
 *   [--html FILE]
 *
 * - `--burst 0` leaves the bursts out; `--burst RATE` measures at that rate and nothing idle.
 * - `--deltas`: share of the burst that changes books (default 0.25); the rest are whole books, which newer ones replace.
 * - `--without` leaves out what was done to make it faster, for a before and after: `rehearsal` of the order's way, orders signed
 *   `ahead`, more than three `connections`, our own `direct` HTTP (then fetch), rows of one step synced `together`.
 * - `--v8` gives the engine's process flags of V8 (for example --min-semi-space-size=64,--max-semi-space-size=64).
 * - `--no-pin`: the engine shares its core with the venue and the flood.
 * - `--html` writes the same figures with a picture, in one file.
 *
 * Exit 1 when a target is missed; which is said.
 */
import { table } from "../commands/output.ts";
import {
  type CaseFigures,
  caseFigures,
  caseName,
  type EngineAnswer,
  type FloodFigures,
  type Grid,
  type Markets,
  missesOf,
  notesOf,
  runtimeGrid,
  stageGrid,
  summaryGrid,
  TARGETS,
} from "./wire_figures.ts";
import { wirePage } from "./wire_page.ts";

const RATE = 20_000;
const WARM_UP_S = 8;

function refuse(flag: string, wanted: string): never {
  console.error(`Cannot use ${flag} as given: ${wanted} is needed`);
  Deno.exit(2);
}

function valueOf(flag: string): string | null {
  const at = Deno.args.indexOf(flag);
  return at < 0 ? null : Deno.args[at + 1] ?? refuse(flag, "a value");
}

function numberOf(flag: string, fallback: number, from: number, to: number): number {
  const value = Number(valueOf(flag) ?? fallback);
  return value >= from && value <= to ? value : refuse(flag, `a number from ${from} to ${to}`);
}

/**
 * The engine on a core of its own, where `taskset` can do that: else the venue, woken by the very bytes that an order writes,
 * takes the core away from the engine before it has stamped them.
 */
async function separateCores(): Promise<{ readonly engine: string; readonly others: string } | null> {
  const count = navigator.hardwareConcurrency;
  if (Deno.args.includes("--no-pin") || count < 2) return null;
  try {
    const probe = await new Deno.Command("taskset", { args: ["-c", `0-${count - 1}`, "true"] }).output();
    return probe.success ? { engine: "0", others: count === 2 ? "1" : `1-${count - 1}` } : null;
  } catch {
    return null;
  }
}
const cores = await separateCores();

/** A program of ours that answers each line on its stdin with a line of JSON. */
function start(file: string, args: readonly string[], v8Flags: string | null = null) {
  const engine = file.includes("engine");
  const place = cores === null ? null : engine ? cores.engine : cores.others;
  const child = new Deno.Command(place === null ? Deno.execPath() : "taskset", {
    args: [
      ...(place === null ? [] : ["-c", place, Deno.execPath()]),

      "run",
      "-q",
      "-A",
      "--no-check",
      ...(v8Flags === null ? [] : [`--v8-flags=${v8Flags}`]),
      new URL(file, import.meta.url).pathname,
      ...args,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const said = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const asking = child.stdin.getWriter();
  let text = "";
  const line = async (): Promise<unknown> => {
    for (;;) {
      const end = text.indexOf("\n");
      if (end >= 0) {
        const first = text.slice(0, end);
        text = text.slice(end + 1);
        return JSON.parse(first);
      }
      const { value, done } = await said.read();
      if (done) throw new Error(`${file} is gone`);
      text += value;
    }
  };
  return {
    line,
    async ask(): Promise<unknown> {
      await asking.write(new TextEncoder().encode("?\n"));
      return await line();
    },
    async end(): Promise<void> {
      await asking.close().catch(() => {});
      await child.status;
    },
  };
}

const onlyMarkets = valueOf("--markets") === null ? null : numberOf("--markets", 0, 1, 8);
if (onlyMarkets !== null && ![1, 4, 8].includes(onlyMarkets)) refuse("--markets", "1, 4 or 8");
const seconds = numberOf("--seconds", 30, 4, 3_600);
const onlyBurst = valueOf("--burst") === null ? null : numberOf("--burst", 0, 0, 1_000_000);
const deltas = numberOf("--deltas", 0.25, 0, 1);
const WITHOUT = ["rehearsal", "ahead", "connections", "direct", "together"];
const without = (valueOf("--without") ?? "").split(",").filter((name) => name !== "");
if (without.some((name) => !WITHOUT.includes(name))) refuse("--without", `a list of ${WITHOUT.join(", ")}`);
const asJson = Deno.args.includes("--json");
const pagePath = valueOf("--html");
const v8Flags = valueOf("--v8");

const venue = start("./wire_venue.ts", []);
const { port, aheadMs } = await venue.line() as { readonly port: number; readonly aheadMs: number };

interface Told {
  readonly atMs: number;
  readonly sent: number;
  readonly unsent: number;
  readonly heldMs: number;
}

/** Asks the flood at the beginning and at the end of what is measured. */
async function watchFlood(
  flood: ReturnType<typeof start>,
  measured: Promise<unknown>,
): Promise<() => FloodFigures> {
  const first = await flood.ask() as Told;
  let last = first;
  // The engine stops reading when it is done: what is told then is not of the measured seconds.
  const stopAt = first.atMs + seconds * 1_000;
  let over = false;
  void measured.then(() => over = true, () => over = true);
  const worst = { heldMs: 0 };
  while (!over && last.atMs < stopAt - 500) {
    await new Promise((next) => setTimeout(next, 250));
    last = await flood.ask() as Told;
    worst.heldMs = Math.max(worst.heldMs, last.heldMs);
  }
  return () => ({
    perSecond: Math.round((last.sent - first.sent) / (last.atMs - first.atMs) * 1_000),
    unsent: last.unsent - first.unsent,
    heldMs: Math.round(worst.heldMs * 10) / 10,
  });
}

async function measure(markets: Markets, burst: number): Promise<CaseFigures> {
  const flood = start("./wire_flood.ts", [
    ...["--venue", port, "--rate", burst, "--deltas", deltas, "--ahead", aheadMs].map(String),
  ]);
  const { port: floodPort } = await flood.line() as { readonly port: number };
  const engine = start("./wire_engine.ts", [
    ...["--port", port, "--flood", floodPort, "--ahead", aheadMs, "--markets", markets].map(String),
    ...["--warm-up", WARM_UP_S, "--seconds", seconds].map(String),
    ...(without.length === 0 ? [] : ["--without", without.join()]),
  ], v8Flags);
  try {
    await engine.line();
    const answered = engine.line();
    const figures = await watchFlood(flood, answered);
    const answer = await answered as EngineAnswer;
    const arrivals = await venue.ask() as Record<string, number>;
    return caseFigures({ markets, burst, flood: burst === 0 ? null : figures() }, answer, arrivals);
  } finally {
    await engine.end();
    await flood.end();
  }
}

const bursts = onlyBurst === null ? [0, RATE] : [onlyBurst];
const counts = onlyMarkets === null ? [1, 4, 8] as const : [onlyMarkets as Markets];
const load = (): string => {
  try {
    return Deno.readTextFileSync("/proc/loadavg").split(" ").slice(0, 3).join(" ");
  } catch {
    return Deno.loadavg().map((value) => value.toFixed(2)).join(" ");
  }
};
const loadBefore = load();
const cases: CaseFigures[] = [];
for (const burst of bursts) {
  for (const markets of counts) {
    if (!asJson) {
      console.error(`${caseName({ burst, markets })}: ${WARM_UP_S} s to warm up, ${seconds} s measured`);
    }
    cases.push(await measure(markets, burst));
  }
}
await venue.end();

const misses = cases.flatMap(missesOf);
const notes = notesOf(cases);
const machine = `load ${loadBefore} before, ${load()} after, ${navigator.hardwareConcurrency} cores`;
const data = { seconds, deltas, without, v8Flags, machine, targets: TARGETS, misses, notes, cases };
if (pagePath !== null) await Deno.writeTextFile(pagePath, wirePage(data));
if (asJson) {
  console.log(
    JSON.stringify({ schema: "poly-edge/1", command: "bench wire", ok: misses.length === 0, data }),
  );
} else {
  const color = Deno.stdout.isTerminal() && !Deno.noColor;
  const show = ({ head, rows }: Grid) =>
    console.log(
      table({
        head: [...head],
        align: head.map((_, i) => i === 0 ? "left" as const : "right" as const),
        color,
        rows: rows.map((row) => [...row]),
      }),
    );
  [summaryGrid(cases), stageGrid(cases), runtimeGrid(cases)].forEach(show);
  console.log(
    `${machine}${cores === null ? "" : ", the engine on its own"}${
      without.length === 0 ? "" : `; without ${without.join(", ")}`
    }${v8Flags === null ? "" : `; ${v8Flags}`}`,
  );
  for (const note of notes) console.log(note);
  for (const miss of misses) console.log(`MISSED ${miss}`);
  if (misses.length === 0) console.log("all targets are met");
}
Deno.exit(misses.length === 0 ? 0 : 1);
