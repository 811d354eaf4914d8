import assert from "node:assert/strict";
import { join } from "node:path";
import { differenceOf } from "../../core/exchange/parity_row.ts";
import { readParity } from "../../commands/trading/parity_file.ts";
import type { ParitySummary } from "../../commands/trading/parity_summary.ts";
import { poly } from "../cli/harness.ts";
import { withFolder, writeFolder } from "../feeds/tape/recordings.ts";
import { syntheticQuotes } from "./synthetic_recording.ts";

async function withTape(use: (tape: string, root: string) => Promise<void>): Promise<void> {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(2));
    const made = await poly(["tape", "import", join(root, "quotes"), "--out", join(root, "tapes"), "--json"]);
    assert.equal(made.code, 0, made.err);
    await use(join(root, "tapes", "quotes"), root);
  });
}

async function paper(tape: string, root: string, ...more: string[]) {
  const ran = await poly([
    "trade",
    "--paper",
    "--tape",
    tape,
    "--strategy",
    "mean-revert",
    "--json",
    "--data",
    join(root, "data"),
    ...more,
  ]);
  assert.equal(ran.code, 0, ran.err);
  const data = ran.envelope?.data ?? {};
  const folder = join(root, "data", "sessions", String(data["session"]));
  const rows = (await readParity(folder))?.rows ?? [];
  return { data, folder, rows, parity: data["parity"] as ParitySummary };
}

/** Draws everything that can be drawn. */
const DRAWN = [
  "--set",
  "paper.orderLatencyQuantiles=0:20,0.5:45,1:400",
  "--set",
  "paper.responseLatencyQuantiles=0:5,1:90",
  "--set",
  "paper.settlementMs=4000",
  "--set",
  "paper.settlementFailureRate=0.2",
];

Deno.test("a paper session's ledger has a row for each order, and none differs: both are one machine", async () => {
  await withTape(async (tape, root) => {
    for (const settings of [[], DRAWN]) {
      const { data, rows, parity } = await paper(tape, root, ...settings);
      assert.ok(rows.length > 0);
      assert.equal(rows.length, data["orders"]);
      assert.deepEqual([parity.orders, parity.exact, parity.differences], [rows.length, rows.length, {}]);
      assert.deepEqual(rows.flatMap(differenceOf), []);
      assert.equal(rows.reduce((sum, row) => sum + row.actual.fills, 0), data["fills"]);
      assert.ok(parity.markouts.every((markout) => markout.orders > 0));
    }
  });
});

Deno.test("a prediction with other settings differs by what was set, and decides nothing", async () => {
  await withTape(async (tape, root) => {
    const model = join(root, "model.json");
    await Deno.writeTextFile(
      model,
      JSON.stringify({
        schema: "poly-edge-exchange-model/1",
        version: "0",
        madeAt: "2026-11-21T10:00:00.000Z",
        sessions: [],
        paper: { responseLatencyQuantiles: ["0:350", "1:350"] },
        fits: [],
      }),
    );
    const plain = await paper(tape, root);
    const other = await paper(tape, root, "--predict-with", model);
    assert.equal(other.data["decisionsHash"], plain.data["decisionsHash"]);
    assert.deepEqual(other.parity.differences, { delay: other.rows.length });
    for (const { model, actual } of other.rows) assert.equal(model.ackMs! - actual.ackMs!, 300);
    // In place of the exchange's own settings it changes what happens, and prediction and exchange agree again.
    const both = await paper(tape, root, "--exchange-model", model);
    assert.equal(both.parity.exact, both.parity.orders);
    assert.equal(both.rows[0]!.actual.ackMs! - plain.rows[0]!.actual.ackMs!, 300);
  });
});

Deno.test("a file that is no exchange model is refused before anything is written", async () => {
  await withTape(async (tape, root) => {
    const model = join(root, "model.json");
    const failing = async (text: string) => {
      await Deno.writeTextFile(model, text);
      const ran = await poly([
        "trade",
        "--paper",
        "--tape",
        tape,
        "--exchange-model",
        model,
        "--json",
        "--data",
        join(root, "data"),
      ]);
      return [ran.code, ran.envelope?.error?.code];
    };
    const file = {
      schema: "poly-edge-exchange-model/1",
      version: "0",
      madeAt: "2026-11-21T10:00:00.000Z",
      sessions: [],
      fits: [],
    };
    assert.deepEqual(await failing("{"), [2, "EXCHANGE_MODEL_INVALID"]);
    assert.deepEqual(await failing("{}"), [2, "EXCHANGE_MODEL_INVALID"]);
    assert.deepEqual(await failing(JSON.stringify({ ...file, paper: { queue: "first" } })), [
      2,
      "EXCHANGE_MODEL_INVALID",
    ]);
    assert.deepEqual(await failing(JSON.stringify({ ...file, paper: { orderLatencyQuantiles: ["0:5"] } })), [
      2,
      "EXCHANGE_MODEL_INVALID",
    ]);
    await assert.rejects(Deno.stat(join(root, "data", "sessions")), Deno.errors.NotFound);
  });
});
