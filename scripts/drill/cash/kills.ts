/** All kill runs, one account after the other, each stretch before a fresh venue. */
import { table } from "../../../commands/output.ts";
import { isSound, type KillOutcome, killRun, measure } from "./kill_run.ts";
import { type KillPlan, plansOf } from "./kill_plan.ts";
import { withKillStage } from "./kill_stage.ts";

const KEYS = [0, 1, 2, 3] as const;
/** A venue is used for this many runs: its window must not end meanwhile. */
const STRETCH = 25;

/** Runs `runs` cash-outs that are killed, a quarter of them with each kind of wallet. */
export async function runKills(
  runs: number,
  seed: number,
  onDone: (outcome: KillOutcome, count: number) => void = () => {},
): Promise<KillOutcome[]> {
  const outcomes: KillOutcome[] = [];
  let first = 1;
  for (const key of KEYS) {
    const share = Math.floor(runs / 4) + (key < runs % 4 ? 1 : 0);
    let plans: KillPlan[] | null = null;
    for (let at = 0; at < share; at += STRETCH) {
      await withKillStage(key, seed, async (stage) => {
        plans ??= plansOf(
          key,
          share,
          { "usdc.e": await measure(stage, "usdc.e"), pusd: await measure(stage, "pusd") },
          first,
        );
        for (const plan of plans.slice(at, at + STRETCH)) {
          const outcome = await killRun(stage, plan);
          outcomes.push(outcome);
          onDone(outcome, outcomes.length);
        }
      });
    }
    first += share;
  }
  return outcomes;
}

const placeText = ({ at, when }: KillPlan["point"]): string =>
  at === "record"
    ? { before: "before a record", torn: "in the middle of a record", after: "after a record" }[when]
    : when === "before"
    ? "before a request"
    : "before its answer is heard";

/** One line of it, for progress. */
export function killLine({ kills, paidAtKill, payments, plan, went, wrong }: KillOutcome): string {
  const { asset, key, point, run } = plan;
  const verdict = wrong.length === 0 ? "sound" : wrong.join("; ");
  return `run ${run} type ${key} ${asset} ${placeText(point)} ${point.count}: killed ${kills}, ` +
    `paid then ${paidAtKill}, ${went}, payments ${payments}, ${verdict}`;
}

/** Sums by kind of wallet and by place. */
export function killTable(outcomes: readonly KillOutcome[], color: boolean): string {
  const groups: [string, readonly KillOutcome[]][] = [
    ...KEYS.map((key): [string, readonly KillOutcome[]] => [
      `wallet type ${key}`,
      outcomes.filter(({ plan }) => plan.key === key),
    ]),
    ...[...new Set(outcomes.map(({ plan }) => placeText(plan.point)))].toSorted().map((
      place,
    ): [string, readonly KillOutcome[]] => [
      place,
      outcomes.filter(({ plan }) => placeText(plan.point) === place),
    ]),
    ["all", outcomes],
  ];
  const head = [
    "killed",
    "runs",
    "kills",
    "places",
    "paid then",
    "new",
    "resumed",
    "had ended",
    "payments",
    "doubled",
    "lost",
    "unexplained",
    "failed",
  ];
  const count = (rows: readonly KillOutcome[], fits: (row: KillOutcome) => boolean): string =>
    String(rows.filter(fits).length);
  return table({
    head,
    align: head.map((_, at) => at === 0 ? "left" : "right"),
    color,
    rows: groups.filter(([, rows]) => rows.length > 0).map(([name, rows]) => [
      name,
      String(rows.length),
      String(rows.reduce((sum, { kills }) => sum + kills, 0)),
      String(new Set(rows.map(({ plan: { point } }) => `${point.at}${point.count}${point.when}`)).size),
      count(rows, ({ paidAtKill }) => paidAtKill === 1),
      count(rows, ({ went }) => went === "new"),
      count(rows, ({ went }) => went === "resumed"),
      count(rows, ({ went }) => went === "ended"),
      String(rows.reduce((sum, { payments }) => sum + payments, 0)),
      count(rows, ({ payments }) => payments > 1),
      count(rows, ({ payments }) => payments !== 1 && !(payments > 1)),
      count(rows, ({ unexplained }) => Object.values(unexplained).some((value) => value !== 0n)),
      count(rows, (row) => !isSound(row)),
    ]),
  });
}
