/**
 * `deno task drill:orders [--only CASE] [--lanes 2] [--speed 8] [--seed 3] [--json]`: live order entry before a simulated
 * venue that misbehaves, one case after the other. Exit 1 when a promise was broken, nothing was shown, or trading did not
 * come back. docs/drills.md reads the table.
 */
import { spanText, table } from "../commands/output.ts";
import { ORDER_CASES } from "./drill/order_cases.ts";
import { type OrderOutcome, runOrderCase } from "./drill/order_run.ts";

const HEAD = [
  "fault",
  "orders",
  "accepted",
  "unknown",
  "asked",
  "fills",
  "undone",
  "refused with",
  "back",
  "limit",
  "verdict",
];

function print(rows: readonly OrderOutcome[]): void {
  console.log(table({
    head: HEAD,
    align: HEAD.map((name) =>
      name === "fault" || name === "refused with" || name === "verdict" ? "left" : "right"
    ),
    color: Deno.stdout.isTerminal() && !Deno.noColor,
    rows: rows.map((row) => [
      row.name,
      ...[row.orders, row.accepted, row.unknown, row.lookups, row.fills, row.undone].map(String),
      row.refused.join(", ") || "-",
      row.recoveredMs === null ? "-" : spanText(row.recoveredMs),
      spanText(row.recoverLimitMs),
      row.verdict,
    ]),
  }));
}

function readOptions(args: readonly string[]) {
  const valueOf = (name: string): string | null => {
    const at = args.indexOf(name);
    return at < 0 ? null : args[at + 1] ?? "";
  };
  const known = new Set(["--only", "--lanes", "--speed", "--seed", "--json"]);
  const unknown = args.find((arg) => arg.startsWith("--") && !known.has(arg));
  const only = valueOf("--only");
  const lanes = Number(valueOf("--lanes") ?? "2");
  const speed = Number(valueOf("--speed") ?? "8");
  const seed = Number(valueOf("--seed") ?? "3");
  const cases = ORDER_CASES.filter(({ name }) => only === null || name === only);
  const fits = lanes >= 1 && lanes <= 8 && speed >= 1 && speed <= 20 && Number.isSafeInteger(seed) &&
    seed >= 0 && cases.length > 0;
  if (unknown !== undefined || !fits) {
    console.error(
      `Cannot use ${
        unknown ?? "these options"
      }: known are --lanes 1..8, --speed 1..20, --seed, --json, --only ` +
        `with one of: ${ORDER_CASES.map(({ name }) => name).join("; ")}`,
    );
    Deno.exit(2);
  }
  return { cases, lanes, speed, seed, json: args.includes("--json") };
}

async function main(): Promise<number> {
  const { cases, lanes, speed, seed, json } = readOptions(Deno.args);
  const began = performance.now();
  const outcomes: OrderOutcome[] = [];
  let next = 0;
  let count = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < cases.length; i = next++) {
      const one = outcomes[i] = await runOrderCase(cases[i]!, seed + i, speed);
      console.error(`${++count}/${cases.length} ${one.name}: ${one.verdict}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  const failed = outcomes.filter(({ verdict }) => verdict !== "ok");
  if (json) {
    const data = { speed, seed, seconds, cases: outcomes };
    console.log(
      JSON.stringify({ schema: "poly-edge/1", command: "drill orders", ok: failed.length === 0, data }),
    );
  } else {
    print(outcomes);
    for (const { name, notes } of failed) for (const note of notes) console.log(`${name}: ${note}`);
    console.log(
      `${outcomes.length} faults, ${failed.length} failed; venue time, ${speed} venue seconds a second, ${seconds} s`,
    );
  }
  return failed.length === 0 ? 0 : 1;
}

Deno.exit(await main());
