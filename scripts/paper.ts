/**
 * `deno task paper`: the simulated venue as a process of its own on loopback, paper trading against it in a second one,
 * both stopped when the windows are settled. Extra arguments go to `trade`, for example `deno task paper --strategy momentum`.
 */

const SPEED = "15";
const SEED = "7";
/** Twenty seconds of venue time before a window starts: what both processes need to come up at this speed. */
const START = "2026-11-21T09:34:30Z";
const READY_WITHIN_MS = 30_000;
const REPORT = "paper-report.html";

const main = new URL("../main.ts", import.meta.url).pathname;
const cli = ["run", "-q", "--no-prompt", "-P=cli", main];

function spawn(args: readonly string[], stdout: "piped" | "inherit"): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...cli, ...args],
    stdin: "null",
    stdout,
    stderr: "inherit",
  }).spawn();
}

/** Port from the venue's ready line; keeps reading afterwards so that the pipe never fills. */
async function portOf(venue: Deno.ChildProcess): Promise<number> {
  const reader = venue.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const timer = setTimeout(() => venue.kill("SIGTERM"), READY_WITHIN_MS);
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the simulated venue ended before it was ready: ${text}`);
    text += value;
  }
  clearTimeout(timer);
  void (async () => {
    while (!(await reader.read()).done);
  })().catch(() => {});
  const ready: unknown = JSON.parse(text.slice(0, text.indexOf("\n")));
  const port = typeof ready === "object" && ready !== null && "port" in ready ? Number(ready.port) : NaN;
  if (!Number.isInteger(port)) throw new Error(`the simulated venue did not say its port: ${text}`);
  return port;
}

const venue = spawn(
  ["sim", "--seed", SEED, "--speed", SPEED, "--port", "0", "--start", START, "--asset", "btc,eth", "--json"],
  "piped",
);
let code = 1;
try {
  const port = await portOf(venue);
  const trader = spawn([
    "trade",
    "--paper",
    ...["--venue", `sim:${port}`, "--asset", "btc,eth", "--duration", "5m", "--windows", "2"],
    ...["--data", ".paper", "--log-level", "warn", "--report", REPORT],
    ...Deno.args,
  ], "inherit");
  const stop = () => {};
  // The terminal's ^C reaches both children as well; this process waits for them to stop cleanly.
  Deno.addSignalListener("SIGINT", stop);
  code = (await trader.status).code;
  Deno.removeSignalListener("SIGINT", stop);
} finally {
  try {
    venue.kill("SIGINT");
  } catch {
    // Already gone.
  }
  await venue.status;
}
Deno.exit(code);
