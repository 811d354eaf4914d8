/**
 * `deno task drill:feeds`: every fault of the simulated venue against every feed, with the time until it is told and until all is
 * whole again. `--only FEED/FAULT` (either may be left out), `--json`, `--lanes N`, `--speed X`. Exit 1 when one is undetected,
 * over its limit, or breaks what must not break.
 */
import { configSchema } from "../commands/config/schema.ts";
import { spanText, table } from "../commands/output.ts";
import { limitsOf } from "../commands/stream_options.ts";
import { allCases, type Case } from "./drill/cases.ts";
import { type Outcome, runCases } from "./drill/run.ts";

const HEAD = ["feed", "fault", "detected", "limit", "recovered", "limit", "told", "verdict"];

interface Options {
  readonly only: string | null;
  readonly json: boolean;
  readonly lanes: number;
  readonly speed: number;
}

function readOptions(args: readonly string[]): Options {
  const valueOf = (name: string) => {
    const at = args.indexOf(name);
    return at < 0 ? null : args[at + 1] ?? "";
  };
  const known = new Set(["--only", "--json", "--lanes", "--speed"]);
  const unknown = args.find((arg) => arg.startsWith("--") && !known.has(arg));
  const lanes = Number(valueOf("--lanes") ?? "4");
  const speed = Number(valueOf("--speed") ?? "20");
  if (unknown !== undefined || !(lanes >= 1 && lanes <= 16) || !(speed >= 1 && speed <= 100)) {
    console.error(
      `Cannot use ${
        unknown ?? "these options"
      }: known are --only FEED/FAULT, --json, --lanes 1..16, --speed 1..100`,
    );
    Deno.exit(2);
  }
  return { only: valueOf("--only"), json: args.includes("--json"), lanes, speed };
}

function chosen(cases: readonly Case[], only: string | null): Case[] {
  const [feed = "", fault = ""] = (only ?? "").split("/");
  const found = cases.filter((one) =>
    (feed === "" || one.feed === feed) && (fault === "" || one.fault === fault)
  );
  if (found.length > 0) return found;
  const list = cases.map((one) => `${one.feed}/${one.fault}`).join(", ");
  console.error(`Cannot run "${only}": known are ${list}`);
  Deno.exit(2);
}

const span = (value: number | null): string => value === null ? "-" : spanText(value);

function tableOf(outcomes: readonly Outcome[]): string {
  return table({
    head: HEAD,
    align: ["left", "left", "right", "right", "right", "right", "left", "left"],
    color: Deno.stdout.isTerminal() && !Deno.noColor,
    rows: outcomes.map((one) => [
      one.feed,
      one.fault,
      span(one.detectedMs),
      span(one.detectLimitMs),
      span(one.recoveredMs),
      span(one.recoverLimitMs),
      one.told.length === 0 ? "-" : one.told.join(", "),
      one.verdict,
    ]),
  });
}

async function main(): Promise<number> {
  const options = readOptions(Deno.args);
  const limits = limitsOf(configSchema.parse({}));
  const caseOptions = { limits, speed: options.speed };
  const cases = chosen(allCases(caseOptions), options.only);
  const unhandled: string[] = [];
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    unhandled.push(
      event.reason instanceof Error ? event.reason.stack ?? String(event.reason) : String(event.reason),
    );
  });
  const began = performance.now();
  const outcomes = await runCases(cases, options.lanes, caseOptions, (one, count) => {
    console.error(`${count}/${cases.length} ${one.feed}/${one.fault} ${one.verdict}`);
  });
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  const failed = outcomes.filter((one) => one.verdict !== "ok");
  const ok = failed.length === 0 && unhandled.length === 0;
  if (options.json) {
    const data = { speed: options.speed, seconds, cases: outcomes, unhandledRejections: unhandled };
    console.log(JSON.stringify({ schema: "poly-edge/1", command: "drill feeds", ok, data }));
  } else {
    console.log(tableOf(outcomes));
    for (const one of failed) for (const note of one.notes) console.log(`${one.feed}/${one.fault}: ${note}`);
    for (const one of unhandled) console.log(`unhandled rejection: ${one}`);
    console.log(
      `${outcomes.length} faults, ${failed.length} failed, ${unhandled.length} unhandled rejections; ` +
        `venue time, ${options.speed} venue seconds a second, ${seconds} s`,
    );
  }
  return ok ? 0 : 1;
}

Deno.exit(await main());
