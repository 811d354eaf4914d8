import assert from "node:assert/strict";
import { join } from "node:path";
import { AUDIT_ROWS } from "../../commands/trading/audit.ts";
import { poly } from "../cli/harness.ts";
import { withFolder, writeFolder } from "../feeds/tape/recordings.ts";
import { syntheticQuotes } from "./synthetic_recording.ts";

interface Row {
  name: string;
  on: string;
  windows: number;
  audit: { complete: boolean; rows: { name: string; pnl: string | null; finding: string }[] };
  choices: { chosen: string; among: number; trainWindows: number; testWindows: number }[];
  pnl: string;
}
interface Data {
  judged: Row[];
  baselines: { name: string; windows: number }[];
  verdicts: { name: string; claim: string }[];
  goNoGo: { name: string; go: boolean; criteria: { state: string }[] }[];
  resultsHash: string;
}

async function withTape(use: (tape: string, root: string) => Promise<void>): Promise<void> {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(10));
    const made = await poly(["tape", "import", join(root, "quotes"), "--out", join(root, "tapes"), "--json"]);
    assert.equal(made.code, 0, made.err);
    await use(join(root, "tapes", "quotes"), root);
  });
}

const run = async (root: string, ...argv: string[]): Promise<Data> => {
  const ran = await poly([...argv, "--json", "--data", join(root, "data")]);
  assert.equal(ran.code, 0, ran.err);
  return ran.envelope!.data! as unknown as Data;
};

Deno.test("evaluate judges the last windows only, beside every baseline on the same ones, audited", async () => {
  await withTape(async (tape, root) => {
    // Quotes come once a second: orders that take 0.95 s meet the next one, 0.25 s later the one after it.
    const slow = ["--set", "paper.orderLatencyMs=800"];
    const argv = ["evaluate", tape, "--strategy", "mean-revert", "--held-out", "0.4", ...slow];
    const data = await run(root, ...argv);
    const [row] = data.judged;
    assert.deepEqual([row?.name, row?.on, row?.windows], ["mean-revert", "held-out time", 4]);
    assert.deepEqual(data.baselines.map(({ name, windows }) => [name, windows]), [
      ["hold", 4],
      ["market", 4],
      ["random", 4],
    ]);
    assert.deepEqual(row?.audit.rows.map(({ name }) => name), [...AUDIT_ROWS]);
    assert.ok(data.verdicts.every(({ claim }) => claim !== "edge"), "four windows prove nothing");
    assert.equal(data.goNoGo[0]?.go, false);
    const pnl = (name: string) => row?.audit.rows.find((one) => one.name === name)?.pnl;
    // The rule looks at books only: ageing the fast feed cannot change it. Being slow, or dreaming of mids, does.
    for (const name of ["aged100ms", "aged60s"]) assert.equal(pnl(name), row?.pnl, name);
    for (const name of ["slow250ms", "midPrices", "feesOff"]) assert.notEqual(pnl(name), row?.pnl, name);
    assert.ok(Number(pnl("feesOff")) > Number(row?.pnl));
    assert.equal(row?.audit.rows.at(-1)?.finding, "stands");
  });
});

Deno.test("a sweep is judged out of sample: each block by what the blocks before it chose", async () => {
  await withTape(async (tape, root) => {
    const argv = [
      "backtest",
      tape,
      "--strategy",
      "mean-revert",
      "--sweep",
      "slippageTicks=0:2:1,decideEveryMs=500",
    ];
    const report = join(root, "r.html");
    const data = await run(root, ...argv, "--report", report, "--csv", join(root, "csv"));
    const [row] = data.judged;
    assert.deepEqual([row?.on, row?.windows], ["out of sample", 8]);
    assert.equal(row?.choices.length, 4);
    assert.ok(row?.choices.every(({ among, trainWindows }) => among === 3 && trainWindows > 0));
    const html = await Deno.readTextFile(report);
    for (const id of ["verdict", "audit", "choices", "go", "breakdown"]) {
      assert.ok(html.includes(`<section id="${id}">`), id);
    }
    const csv = await Deno.readTextFile(join(root, "csv", "audit.csv"));
    assert.equal(csv.trim().split("\n").length, 1 + AUDIT_ROWS.length);
    const again = await run(root, ...argv, "--report", report, "--csv", join(root, "csv"), "--workers", "2");
    assert.equal(again.resultsHash, data.resultsHash);
    assert.equal(await Deno.readTextFile(report), html);
    assert.equal(await Deno.readTextFile(join(root, "csv", "audit.csv")), csv);
  });
});

Deno.test("a share that is none is refused; too few windows are said", async () => {
  await withTape(async (tape, root) => {
    for (const share of ["0", "1", "x", "-1"]) {
      const ran = await poly([
        "evaluate",
        tape,
        `--held-out=${share}`,
        "--json",
        "--data",
        join(root, "data"),
      ]);
      assert.deepEqual([ran.code, ran.envelope?.error?.code], [2, "USAGE"], share);
    }
    const ran = await poly([
      ...["evaluate", tape, "--strategy", "momentum", "--held-out", "0.99", "--json"],
      ...["--data", join(root, "data")],
    ]);
    assert.equal(ran.code, 0);
    assert.ok(ran.envelope?.warnings?.some((warning) => warning.code === "TOO_FEW_WINDOWS"));
    assert.equal((ran.envelope?.data as unknown as Data).verdicts[0]?.claim, "undecided");
  });
});
