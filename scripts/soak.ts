/**
 * `deno task soak [--minutes 10]`: the simulated venue at the speed of life and `stream --json` on every feed as two processes.
 * The memory of the stream process is sampled; it may grow by 5 % after the first two minutes, no frame may be unrecognised, no
 * promise may be rejected unheard. Exit 1 otherwise.
 */

const MINUTES = 10;
const WARM_UP_MS = 120_000;
const SAMPLE_MS = 2_000;
const READY_WITHIN_MS = 30_000;
const MAX_GROWTH = 0.05;

const main = new URL("../main.ts", import.meta.url).pathname;
const cli = ["run", "-q", "--no-prompt", "-P=cli", main];

interface Sample {
  readonly atMs: number;
  readonly rssKb: number;
}

function readMinutes(args: readonly string[]): number {
  const at = args.indexOf("--minutes");
  const minutes = Number(at < 0 ? MINUTES : args[at + 1]);
  if (minutes >= 0.1 && minutes <= 1_440) return minutes;
  console.error("Cannot use --minutes as given: a number from 0.1 to 1440 is needed");
  Deno.exit(2);
}

function spawn(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...cli, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Every line of a stream, as it comes; the stream is read to its end whatever happens. */
async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
  if (rest !== "") take(rest);
}

/** Resident memory in KiB, from the kernel; NaN where there is no /proc. */
function rssOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]);
  } catch {
    return NaN;
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/** Growth between the first and the last fifth after the warm-up, medians, so that one collection more or less is no news. */
function growthOf(
  samples: readonly Sample[],
  warmUpMs: number,
): { from: number; to: number; growth: number } {
  const warm = samples.filter((sample) => sample.atMs >= warmUpMs).map((sample) => sample.rssKb);
  const fifth = Math.max(1, Math.floor(warm.length / 5));
  const from = median(warm.slice(0, fifth));
  const to = median(warm.slice(-fifth));
  return { from, to, growth: to / from - 1 };
}

interface FeedFigures {
  readonly frames: number;
  readonly unrecognised: number;
  readonly gaps: number;
  readonly reconnects: number;
  readonly state: string;
}

async function run(minutes: number): Promise<boolean> {
  const venue = spawn(["sim", "--seed", "7", "--speed", "1", "--port", "0", "--start", "now", "--json"]);
  const ready = Promise.withResolvers<number>();
  const late = setTimeout(() => ready.reject(new Error("the simulated venue is not ready")), READY_WITHIN_MS);
  const venueOut = eachLine(venue.stdout, (line) => {
    const body = JSON.parse(line) as { ready?: boolean; port?: number };
    if (body.ready === true && body.port !== undefined) ready.resolve(body.port);
  });
  const venueErr: string[] = [];
  const venueLog = eachLine(venue.stderr, (line) => void venueErr.push(line));
  const samples: Sample[] = [];
  const errors: string[] = [];
  let records = 0;
  let last = "";
  let exit = -1;
  try {
    const port = await ready.promise;
    clearTimeout(late);
    const seconds = Math.round(minutes * 60);
    const stream = spawn([
      ...["stream", "--json", "--venue", `sim:${port}`, "--for", `${seconds}s`, "--log-level", "warn"],
      ...["--asset", "btc,eth,sol,xrp", "--duration", "5m,15m"],
    ]);
    const began = performance.now();
    const timer = setInterval(() => {
      const rssKb = rssOf(stream.pid);
      if (rssKb > 0) samples.push({ atMs: performance.now() - began, rssKb });
    }, SAMPLE_MS);
    const out = eachLine(stream.stdout, (line) => {
      records++;
      last = line;
    });
    const err = eachLine(stream.stderr, (line) => void errors.push(line));
    exit = (await stream.status).code;
    clearInterval(timer);
    await Promise.all([out, err]);
  } finally {
    try {
      venue.kill("SIGINT");
    } catch {
      // Already gone.
    }
    await venue.status;
    await Promise.all([venueOut, venueLog]);
  }
  return report({ minutes, samples, errors: [...errors, ...venueErr], records, last, exit });
}

interface Results {
  readonly minutes: number;
  readonly samples: readonly Sample[];
  readonly errors: readonly string[];
  readonly records: number;
  readonly last: string;
  readonly exit: number;
}

function report(results: Results): boolean {
  const { errors, exit, last, minutes, records, samples } = results;
  const envelope = JSON.parse(last === "" ? "{}" : last) as {
    data?: { feeds?: Record<string, FeedFigures> };
  };
  const feeds = Object.entries(envelope.data?.feeds ?? {});
  // A run shorter than the warm-up has no figure for growth; it is for trying the script itself.
  const warmUpMs = minutes * 60_000 > 2 * WARM_UP_MS ? WARM_UP_MS : minutes * 30_000;
  const { from, to, growth } = growthOf(samples, warmUpMs);
  const mib = (kb: number): string => `${(kb / 1024).toFixed(1)} MiB`;
  const sum = (pick: (feed: FeedFigures) => number): number =>
    feeds.reduce((all, [, feed]) => all + pick(feed), 0);
  const rejections = errors.filter((line) => /Uncaught|unhandled|INTERNAL/i.test(line));
  for (const [name, feed] of feeds) {
    console.log(
      `${name.padEnd(24)} ${
        feed.state.padEnd(8)
      } frames ${feed.frames}  unrecognised ${feed.unrecognised}  ` +
        `gaps ${feed.gaps}  reconnects ${feed.reconnects}`,
    );
  }
  console.log(`records                  ${records} in ${minutes} min, ${sum((feed) => feed.frames)} frames`);
  console.log(
    `memory of stream         ${mib(from)} after ${Math.round(warmUpMs / 1000)} s, ${mib(to)} at the end, ` +
      `highest ${mib(Math.max(...samples.map((sample) => sample.rssKb)))}, growth ${
        (growth * 100).toFixed(2)
      } %`,
  );
  const checks: readonly (readonly [string, boolean])[] = [
    [`exit 0 (was ${exit})`, exit === 0],
    [`growth after warm-up under ${MAX_GROWTH * 100} %`, growth < MAX_GROWTH],
    [
      "every feed live with data",
      feeds.length >= 5 && feeds.every(([, f]) => f.frames > 0 && f.state === "live"),
    ],
    ["nothing unrecognised", sum((feed) => feed.unrecognised) === 0],
    ["no unhandled rejection", rejections.length === 0],
  ];
  for (const [name, ok] of checks) console.log(`${ok ? "ok  " : "FAIL"} ${name}`);
  for (const line of errors.slice(0, 20)) console.log(`stderr: ${line}`);
  return checks.every(([, ok]) => ok);
}

Deno.exit(await run(readMinutes(Deno.args)) ? 0 : 1);
