/** `sim`: the simulated venue in the foreground, until a signal or `--for`. */
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { ASSETS, DURATIONS } from "../core/market/instrument.ts";
import { parseFault } from "../fixtures/venue/faults_spec.ts";
import type { RunningVenue, VenueOptions } from "../fixtures/venue/venue.ts";
import { SIM_DEFAULT_PORT } from "../feeds/venue_profile.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { facts } from "./output.ts";
import { parseAssets, parseCount, parseNumber, parseSpan, parseWindows } from "./parse.ts";
import { attach, examples } from "./run.ts";
import { VERSION } from "./version.ts";

/** With a seed the market starts here unless told otherwise, so that a seed alone names one market. */
const SEEDED_START_MS = Date.UTC(2026, 10, 21, 9, 30);
const MAX_SEED = Number.MAX_SAFE_INTEGER;
const MAX_LAG_MS = 60_000;

export function register(program: Command): void {
  attach(
    program.command("sim")
      .description("Run the simulated venue: markets, books and reference prices on loopback sockets.")
      .option(
        "--seed <n>",
        "market to serve; the same seed serves the same market (default: a random one, starting now)",
      )
      .option("--speed <x>", "venue seconds per second, 0.1 to 1000", "1")
      .option("--port <n>", "port to listen on, 0 for any free one", String(SIM_DEFAULT_PORT))
      .option("--host <address>", "address to listen on", "127.0.0.1")
      .option("--start <time>", "venue time at the start: ISO, Unix seconds or `now`")
      .option("--lag <duration>", "how long prediction books trail the fair price (0s to 60s)", "500ms")
      .option("--signal <share>", "share of price variance that the futures book announces, 0 to 0.9", "0.1")
      .option("--asset <list>", "assets to serve", ASSETS.join(","))
      .option("--duration <list>", "window lengths to serve", DURATIONS.join(","))
      .option(
        "--fault <spec>",
        "misbehave: KIND@TARGET[,key=value], may be repeated; see docs/simulated_venue.md",
        (spec: string, before: string[]) => [...before, spec],
        [],
      )
      .option("--market-version <v>", "exchange the markets settle on: v1 or v2 (Protocol V2)", "v1")
      .option("--for <duration>", "stop after this long (wall time)")
      .addHelpText(
        "after",
        examples([
          "sim --seed 7",
          "sim --seed 7 --speed 15 --asset btc,eth --duration 5m",
          "sim --seed 7 --fault freeze@polymarket.market,start=30s,for=20s",
          "sim --port 0 --for 30s --json",
        ]),
      ),
    "sim",
    sim,
  );
}

function parseStart(text: string | undefined, seeded: boolean): number {
  if (text === undefined) return seeded ? SEEDED_START_MS : Date.now();
  if (text === "now") return Date.now();
  const at = /^\d{9,11}$/.test(text) ? Number(text) * 1_000 : Date.parse(text);
  // Before 2001 or far ahead is a slip of the keyboard; window slugs hold seconds of ten digits.
  if (at >= 1e12 && at < 1e13) return at;
  throw new OperationError({
    code: "USAGE",
    message: `Cannot read --start as a time: current value is ${text}`,
    hint: "For example: --start 2026-11-21T09:30:00Z, --start 1795253400 or --start now",
    details: { option: "--start", value: text },
    exit: 2,
  });
}

const randomSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0]!;

/** `0`, `0s` and `0ms` mean no lag; anything else is a duration. */
function parseLag(text: string): number {
  if (/^0(?:ms|s|m)?$/.test(text.trim())) return 0;
  const lagMs = parseSpan(text, "--lag");
  if (lagMs <= MAX_LAG_MS) return lagMs;
  throw new OperationError({
    code: "USAGE",
    message: `Cannot read --lag as a duration up to 60s: current value is ${text}`,
    hint: "For example: --lag 500ms",
    details: { option: "--lag", value: text },
    exit: 2,
  });
}

/** Checked here, so that a misspelt fault is told before anything is started. Throws FAULT_UNKNOWN. */
function faultsOf(given: unknown): string[] {
  const specs = Array.isArray(given) ? given.map(String) : [];
  for (const spec of specs) parseFault(spec);
  return specs;
}

function parseVersion(text: string): "v1" | "v2" {
  if (text === "v1" || text === "v2") return text;
  throw new OperationError({
    code: "USAGE",
    message: `Cannot read --market-version as an exchange version: current value is ${text}`,
    hint: "v1 markets settle on Exchange V2, v2 markets on Exchange V3.",
    details: { option: "--market-version", value: text },
    exit: 2,
  });
}

interface Settings {
  readonly venue: VenueOptions;
  readonly forMs: number | null;
}

function settingsOf(options: Record<string, unknown>): Settings {
  const text = (name: string) => typeof options[name] === "string" ? options[name] : undefined;
  const seedText = text("seed");
  return {
    venue: {
      seed: seedText === undefined ? randomSeed() : parseCount(seedText, "--seed", 0, MAX_SEED),
      speed: parseNumber(text("speed") ?? "1", "--speed", 0.1, 1_000),
      port: parseCount(text("port") ?? "", "--port", 0, 65_535),
      host: text("host") ?? "127.0.0.1",
      startMs: parseStart(text("start"), seedText !== undefined),
      lagMs: parseLag(text("lag") ?? "500ms"),
      signal: parseNumber(text("signal") ?? "0.1", "--signal", 0, 0.9),
      assets: parseAssets(text("asset") ?? ""),
      durations: parseWindows(text("duration") ?? ""),
      faults: faultsOf(options["fault"]),
      marketVersion: parseVersion(text("marketVersion") ?? "v1"),
      version: VERSION,
    },
    forMs: text("for") === undefined ? null : parseSpan(text("for")!, "--for"),
  };
}

async function sim(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const { venue: wanted, forMs } = settingsOf(options);
  // Only here: the venue and its signature checks would slow the start of every other command.
  const { startVenue } = await import("../fixtures/venue/venue.ts");
  const venue = await startVenue(wanted);
  try {
    announce(ctx, venue, wanted);
    const stoppedBy = await untilStopped(ctx.signal, forMs);
    const at = venue.now();
    return {
      data: {
        ...factsOf(venue, wanted),
        endedAt: new Date(at).toISOString(),
        venueSeconds: (at - Math.floor(wanted.startMs / 1_000) * 1_000) / 1_000,
        steps: venue.stepped,
        stoppedBy,
      },
      text: `Stopped at ${new Date(at).toISOString()} venue time (${
        stoppedBy === "signal" ? "signal" : "--for"
      }).`,
    };
  } finally {
    await venue.close();
  }
}

function factsOf(venue: RunningVenue, wanted: VenueOptions) {
  return {
    seed: wanted.seed,
    speed: wanted.speed ?? 1,
    startAt: new Date(wanted.startMs).toISOString(),
    startMs: wanted.startMs,
    lagMs: wanted.lagMs,
    assets: wanted.assets,
    durations: wanted.durations,
    faults: wanted.faults ?? [],
    port: venue.port,
    endpoints: venue.endpoints,
  };
}

function announce(ctx: CommandContext, venue: RunningVenue, wanted: VenueOptions): void {
  ctx.record({ ready: true, ...factsOf(venue, wanted) });
  const option = venue.port === SIM_DEFAULT_PORT ? "--venue sim" : `--venue sim:${venue.port}`;
  ctx.print(facts([
    ["simulated venue", venue.endpoints.http],
    ["use it with", option],
    ["seed", String(wanted.seed)],
    ["starts at", `${new Date(wanted.startMs).toISOString()}, ${wanted.speed} venue seconds per second`],
    ["assets", `${wanted.assets?.join(", ")}; windows ${wanted.durations?.join(", ")}`],
    ...Object.entries(venue.endpoints).map(([name, url]) => [name, String(url)] as const),
  ], ctx.color));
}

/** Waits for the first signal, or for the end of `--for`. */
async function untilStopped(signal: AbortSignal, forMs: number | null): Promise<"signal" | "time"> {
  if (signal.aborted) return "signal";
  const stopped = Promise.withResolvers<"signal" | "time">();
  const onAbort = () => stopped.resolve("signal");
  signal.addEventListener("abort", onAbort, { once: true });
  const timer = forMs === null ? undefined : setTimeout(() => stopped.resolve("time"), forMs);
  try {
    return await stopped.promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
