/**
 * `deno task drill:crash [--runs 60] [--seed 1] [--lanes 6] [--speed 5] [--only KIND] [--json]`: live trading before the
 * simulated venue, killed with SIGKILL at instants drawn from the seed, started again and compared with the venue's own
 * books. Exit 1 when an order was lost or doubled, a ledger differs, or something stayed open. docs/drills.md reads the table.
 */
import { table } from "../commands/output.ts";
import { runCrashDrill } from "./drill/crash_drill.ts";
import { isWhole, type RunOutcome } from "./drill/crash_lane.ts";
import { CRASH_KINDS, type CrashPlan, planOf } from "./drill/crash_plan.ts";

interface Options {
  readonly runs: number;
  readonly seed: number;
  readonly lanes: number;
  readonly speed: number;
  readonly only: string | null;
  readonly json: boolean;
}

function readOptions(args: readonly string[]): Options {
  const valueOf = (name: string, usual: number): number => {
    const at = args.indexOf(name);
    return at < 0 ? usual : Number(args[at + 1]);
  };
  const known = new Set(["--runs", "--seed", "--lanes", "--speed", "--only", "--json"]);
  const unknown = args.find((arg) => arg.startsWith("--") && !known.has(arg));
  const at = args.indexOf("--only");
  const options = {
    runs: valueOf("--runs", 60),
    seed: valueOf("--seed", 1),
    lanes: valueOf("--lanes", 6),
    speed: valueOf("--speed", 5),
    only: at < 0 ? null : args[at + 1] ?? "",
    json: args.includes("--json"),
  };
  const { runs, seed, lanes, speed, only } = options;
  const fits = Number.isSafeInteger(runs) && runs >= 1 && runs <= 100_000 && Number.isSafeInteger(seed) &&
    seed >= 0 && seed <= 1_000_000 && Number.isSafeInteger(lanes) && lanes >= 1 && lanes <= 32 &&
    speed >= 1 && speed <= 20;
  const isKind = only === null || (CRASH_KINDS as readonly string[]).includes(only);
  if (unknown !== undefined || !fits || !isKind) {
    console.error(
      `Cannot use ${unknown ?? "these options"}: known are --runs 1..100000, --seed 0..1000000, ` +
        `--lanes 1..32, --speed 1..20, --json, --only with one of ${CRASH_KINDS.join(", ")}`,
    );
    Deno.exit(2);
  }
  return options;
}

const sum = (rows: readonly RunOutcome[], pick: (row: RunOutcome) => number): number =>
  rows.reduce((all, row) => all + pick(row), 0);

/** One row of the table. */
function figures(kind: string, rows: readonly RunOutcome[]) {
  return {
    kind,
    runs: rows.length,
    kills: sum(rows, (row) => row.kills),
    onPoint: sum(rows, (row) => row.onPoint ? 1 : 0),
    openAtKill: sum(rows, (row) => row.openAtKill),
    unsettledAtKill: sum(rows, (row) => row.unsettledAtKill),
    unknown: sum(rows, (row) => row.unknown),
    cancelled: sum(rows, (row) => row.cancelled),
    lost: sum(rows, (row) => row.differences.lost.length),
    doubled: sum(rows, (row) => row.differences.doubled.length),
    phantom: sum(rows, (row) => row.differences.phantom.length),
    ledger: sum(rows, (row) => row.differences.ledger.length + row.differences.journal.length),
    leftOpen: sum(rows, (row) => row.differences.open.length),
    heartLost: sum(rows, (row) => row.heartLost),
    refusedStarts: sum(rows, (row) => row.refusedStarts),
    failed: rows.filter((row) => !isWhole(row)).length,
  };
}

const HEAD = [
  "killed",
  "runs",
  "kills",
  "on point",
  "open then",
  "unsettled then",
  "unknown found",
  "cancelled",
  "lost",
  "doubled",
  "phantom",
  "ledger",
  "left open",
  "heart lost",
  "starts refused",
  "failed",
];

function print(rows: readonly RunOutcome[]): void {
  const all = CRASH_KINDS.map((kind) => figures(kind, rows.filter((row) => row.kind === kind)))
    .filter(({ runs }) => runs > 0);
  console.log(table({
    head: HEAD,
    align: ["left", ...HEAD.slice(1).map(() => "right" as const)],
    color: Deno.stdout.isTerminal() && !Deno.noColor,
    rows: [...all, figures("all", rows)].map((row) => Object.values(row).map(String)),
  }));
}

async function main(): Promise<number> {
  const options = readOptions(Deno.args);
  const { runs, seed, lanes, speed, only } = options;
  const plans: CrashPlan[] = [];
  for (let run = 1; plans.length < runs; run++) {
    const plan = planOf(seed, run);
    if (only === null || plan.kind === only) plans.push(plan);
  }
  const began = performance.now();
  const { outcomes, broken, folder } = await runCrashDrill(
    { plans, seed, lanes, speed },
    (outcome, count) => {
      const { run, kind, differences } = outcome;
      const what = isWhole(outcome) ? "whole" : JSON.stringify(differences);
      console.error(`${count}/${runs} run ${run} ${kind}: ${what}`);
    },
  );
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  const failed = outcomes.filter((one) => !isWhole(one));
  const ok = failed.length === 0 && broken.length === 0 && outcomes.length === runs;
  if (options.json) {
    const data = { ...options, seconds, runs: outcomes.toSorted((a, b) => a.run - b.run), broken };
    console.log(JSON.stringify({ schema: "poly-edge/1", command: "drill crash", ok, data }));
  } else {
    print(outcomes);
    for (const { run, differences } of failed) console.log(`run ${run}: ${JSON.stringify(differences)}`);
    for (const text of broken) console.log(text);
    console.log(
      `${outcomes.length} of ${runs} runs, ${failed.length} failed, seed ${seed}, ${lanes} wallets, ` +
        `${speed} venue seconds a second, ${seconds} s`,
    );
  }
  if (ok) await Deno.remove(folder, { recursive: true });
  else console.error(`journals are kept in ${folder}`);
  return ok ? 0 : 1;
}

Deno.exit(await main());
