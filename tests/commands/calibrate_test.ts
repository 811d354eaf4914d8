import assert from "node:assert/strict";
import { join } from "node:path";
import { type ExchangeModelFile, readExchangeModel } from "../../commands/trading/exchange_model_file.ts";
import { readParity } from "../../commands/trading/parity_file.ts";
import { poly } from "../cli/harness.ts";
import { withFolder, writeFolder } from "../feeds/tape/recordings.ts";
import { syntheticQuotes } from "./synthetic_recording.ts";

interface Stage {
  readonly root: string;
  readonly tape: string;
  readonly data: string;
}

async function withTape(use: (stage: Stage) => Promise<void>): Promise<void> {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(4));
    const made = await poly(["tape", "import", join(root, "quotes"), "--out", join(root, "tapes"), "--json"]);
    assert.equal(made.code, 0, made.err);
    await use({ root, tape: join(root, "tapes", "quotes"), data: join(root, "data") });
  });
}

async function session({ tape, data }: Stage, ...more: string[]): Promise<string> {
  const options = ["--strategy", "random", "--json", "--data", data, ...more];
  const ran = await poly(["trade", "--paper", "--tape", tape, ...options]);
  assert.equal(ran.code, 0, ran.err);
  return String(ran.envelope?.data?.["session"]);
}

const codes = (ran: Awaited<ReturnType<typeof poly>>) =>
  ran.envelope?.warnings?.map(({ code }) => code) ?? [];

Deno.test("calibrate gives back what a paper exchange was made with; backtest and trade read its file", async () => {
  await withTape(async (stage) => {
    const made = [
      "--set",
      "paper.orderLatencyMs=80",
      "--set",
      "paper.responseLatencyMs=30",
      "--set",
      "paper.takerHoldMs=200",
      "--set",
      "paper.settlementMs=3000",
    ];
    const ids: string[] = [];
    for (const seed of ["1", "2", "3"]) ids.push(await session(stage, ...made, "--seed", seed));
    const out = join(stage.root, "measured.json");
    // The hold of orders that were all held is known from the configuration alone.
    const ran = await poly([
      "calibrate",
      ...ids,
      "--out",
      out,
      "--json",
      "--data",
      stage.data,
      "--set",
      "paper.takerHoldMs=200",
    ]);
    assert.equal(ran.code, 0, ran.err);
    assert.ok(codes(ran).includes("CALIBRATED_ON_PAPER"));
    const file: ExchangeModelFile = await readExchangeModel(out);
    const spans = (texts: readonly string[]) => new Set(texts.map((text) => Number(text.split(":")[1])));
    assert.deepEqual(spans(file.paper.orderLatencyQuantiles!), new Set([80]));
    assert.deepEqual(spans(file.paper.responseLatencyQuantiles!), new Set([30]));
    assert.equal(file.paper.settlementMs, 3000);
    assert.equal(file.sessions.length, 3);
    const samples = file.fits.find((fit) => fit.name === "order latency")!.samples;
    assert.equal(file.sessions.reduce((sum, one) => sum + one.orders, 0) >= samples, true);

    const again = await session(stage, "--exchange-model", out);
    const rows = (await readParity(join(stage.data, "sessions", again)))!.rows;
    assert.ok(rows.length > 0);
    assert.ok(rows.every(({ actual }) => actual.status !== "matched" || actual.ackMs === 80 + 150 + 30));

    const totals = async (...more: string[]) => {
      const strategy = ["--strategy", "random", "--json", "--data", stage.data];
      const ran = await poly(["backtest", stage.tape, ...strategy, ...more]);
      assert.equal(ran.code, 0, ran.err);
      const [first] = ran.envelope?.data?.["strategies"] as { pnl: string; fills: number }[];
      return [first!.fills, first!.pnl];
    };
    // The file stands for exactly these settings: what is measured is what was set.
    const measured = await totals("--exchange-model", out, "--set", "paper.takerHoldMs=200");
    assert.deepEqual(measured, await totals(...made, "--set", "paper.queue=lastInQueue"));
    assert.notDeepEqual(measured, await totals());
  });
});

Deno.test("calibrate without orders, without sessions and with a damaged ledger says so", async () => {
  await withTape(async (stage) => {
    const calibrate = (...more: string[]) => poly(["calibrate", ...more, "--json", "--data", stage.data]);
    const idle = await session(stage, "--strategy", "hold");
    const none = await calibrate(idle);
    assert.deepEqual([none.code, none.envelope?.error?.code], [2, "NOTHING_TO_CALIBRATE"]);
    const unknown = await calibrate("nowhere");
    assert.deepEqual([unknown.code, unknown.envelope?.error?.code], [1, "NOT_A_SESSION"]);
    const id = await session(stage);
    const path = join(stage.data, "sessions", id, "parity.jsonl");
    const text = await Deno.readTextFile(path);
    // A kill may cut the last row off: the others count.
    await Deno.writeTextFile(path, text.slice(0, -10));
    const torn = await calibrate(id);
    assert.equal(torn.code, 0, torn.err);
    assert.ok(codes(torn).includes("FILE_TORN"));
    await Deno.writeTextFile(path, text.replace('"side":"', '"side":"x'));
    const damaged = await calibrate(id);
    assert.deepEqual([damaged.code, damaged.envelope?.error?.code], [1, "PARITY_DAMAGED"]);
  });
});
