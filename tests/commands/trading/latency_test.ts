import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { LatencyRecorder, STAGE } from "../../../commands/trading/latency.ts";
import { ordersPath, stagesCsv } from "../../../commands/trading/latency_files.ts";
import { RuntimeWatch } from "../../../commands/trading/runtime_watch.ts";
import { poly } from "../../cli/harness.ts";
import { withFolder, writeFolder } from "../../feeds/tape/recordings.ts";
import { syntheticQuotes } from "../synthetic_recording.ts";

Deno.test("percentiles of a stage cover all assets and windows, the rows each its own", () => {
  const latency = new LatencyRecorder();
  const [btc, eth] = [latency.seriesOf("btc", "5m"), latency.seriesOf("eth", "15m")];
  for (let i = 1; i <= 100; i++) {
    latency.add(btc, STAGE.sign, i);
    latency.add(eth, STAGE.sign, 1000 + i);
  }
  const all = latency.numbers().sign!;
  assert.equal(all.n, 200);
  assert.ok(Math.abs(all.p50 - 100) <= 1, String(all.p50));
  assert.equal(all.max, 1100);
  const rows = latency.rows();
  assert.deepEqual(rows.map(({ asset, window, n }) => [asset, window, n]), [["btc", "5m", 100], [
    "eth",
    "15m",
    100,
  ]]);
  assert.ok(Math.abs(rows[0]!.p95 - 95) <= 1);
  assert.equal(rows[0]!.max, 100);
  assert.equal(latency.seriesOf("btc", "5m"), btc);
});

Deno.test("tenths of a microsecond are kept, what is too long or negative is clamped", () => {
  const latency = new LatencyRecorder();
  for (const us of [0.24, 0.26]) latency.record("book", us);
  assert.equal(latency.numbers().book!.p50, 0.2);
  assert.equal(latency.numbers().book!.max, 0.3);
  latency.record("policy", -5);
  latency.record("gate", 1e12);
  assert.equal(latency.numbers().policy!.max, 0);
  assert.equal(latency.numbers().gate!.max, 60_000_000);
});

Deno.test("the report's bins hold every value between their edges", () => {
  const latency = new LatencyRecorder();
  const values = [0.1, 0.3, 1, 7, 8, 15.9, 1000, 123_456];
  for (const us of values) latency.record("decide", us);
  const [stage] = latency.report();
  assert.equal(stage!.bins.reduce((sum, { count }) => sum + count, 0), values.length);
  for (const us of values) {
    assert.ok(stage!.bins.some(({ fromUs, toUs }) => us >= fromUs && us < toUs), String(us));
  }
});

Deno.test("the runtime's watch sees a loop that stood still, and a collection", async () => {
  const watch = new RuntimeWatch(() => performance.now() * 1000);
  try {
    await new Promise((next) => setTimeout(next, 25));
    watch.takeWorstLagUs();
    const until = performance.now() + 60;
    let kept: unknown[] = [];
    while (performance.now() < until) {
      kept = kept.length > 50_000 ? [] : [...kept.slice(-1000), { at: until }];
    }
    assert.ok(watch.takeWorstLagUs() > 30_000);
    await new Promise((next) => setTimeout(next, 25));
    const report = watch.report();
    assert.ok(report.loopLagUs !== null && report.loopLagUs.max > 30_000, JSON.stringify(report));
    assert.ok(report.gcPauseUs !== null && report.gcPauseUs.n > 0, JSON.stringify(report));
    // A pause is part of the time that passed: nanoseconds taken for microseconds would not fit into it.
    assert.ok(report.gcTotalMs < 500, String(report.gcTotalMs));
  } finally {
    watch.close();
  }
});

Deno.test("--latency-out writes stages and orders as CSV, and the session keeps the same", async () => {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(2));
    const made = await poly(["tape", "import", join(root, "quotes"), "--out", join(root, "tapes"), "--json"]);
    assert.equal(made.code, 0, made.err);
    const out = join(root, "latency.csv");
    const tape = join(root, "tapes", "quotes");
    const run = (...more: string[]) =>
      poly([
        ...["trade", "--paper", "--tape", tape, "--json", "--data", join(root, "data")],
        ...["--strategy", "mean-revert", ...more],
      ]);
    const ran = await run("--latency-out", out);
    assert.equal(ran.code, 0, ran.err);
    const rows = parse(await Deno.readTextFile(out), { columns: true }) as Record<string, string>[];
    const stages = new Set(rows.map((row) => row["stage"]));
    for (
      const stage of ["book", "features", "policy", "gate", "decide", "tickToSend", "acknowledge", "match"]
    ) {
      assert.ok(stages.has(stage), stage);
    }
    assert.ok(rows.some(({ asset, window }) => asset === "btc" && window !== "-"));
    const orders = parse(await Deno.readTextFile(ordersPath(out)), { columns: true }) as Record<
      string,
      string
    >[];
    assert.equal(orders.length, ran.envelope?.data?.["orders"]);
    for (const order of orders) {
      const at = ["receivedUs", "decodedUs", "featuresUs", "policyUs", "gateUs", "sentUs"].map((key) =>
        Number(order[key])
      );
      assert.deepEqual(at, at.toSorted((a, b) => a - b));
    }
    const folder = join(root, "data", "sessions", String(ran.envelope?.data?.["session"]));
    const kept = JSON.parse(await Deno.readTextFile(join(folder, "latency.json"))) as {
      stages: { n: number }[];
    };
    assert.equal(kept.stages.length, rows.filter((row) => !/^(loopLag|gcPause)$/.test(row["stage"]!)).length);
    assert.equal(
      await Deno.readTextFile(join(folder, "latency_orders.csv")),
      await Deno.readTextFile(ordersPath(out)),
    );
    const plain = await run("--set", "latency.stages=false");
    assert.equal(plain.envelope?.data?.["decisionsHash"], ran.envelope?.data?.["decisionsHash"]);
    assert.deepEqual(plain.envelope?.data?.["latencyUs"], {});
    const refused = await run("--latency-out", join(root, "nowhere", "x.csv"));
    assert.equal(refused.envelope?.error?.code, "LATENCY_OUT_FAILED");
  });
});

Deno.test("a table without runtime figures has stages only", () => {
  const latency = new LatencyRecorder();
  latency.record("decode", 2);
  assert.equal(
    stagesCsv(latency, null),
    "stage,asset,window,n,p50Us,p95Us,p99Us,maxUs\ndecode,-,-,1,2,2,2,2\n",
  );
});
