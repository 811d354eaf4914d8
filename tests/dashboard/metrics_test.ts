import assert from "node:assert/strict";
import { LATENCY_BUCKETS, LATENCY_NAME, METRICS, NAMESPACE } from "../../commands/dashboard/metric_list.ts";
import { openMetrics } from "../../commands/dashboard/metrics.ts";
import { newFeedMetrics, recordAge, summarise } from "../../feeds/net/metrics.ts";
import { ROOT } from "../cli/harness.ts";
import { openTestSession, type TestSession, withTape } from "./session.ts";

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format 0.0.4; throws at a line that is none. */
function parseText(text: string): { types: Map<string, string>; samples: Sample[] } {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("# HELP ")) continue;
    const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line);
    if (type !== null) {
      assert.ok(!types.has(type[1]!), `${type[1]} twice`);
      types.set(type[1]!, type[2]!);
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    assert.ok(sample !== null, line);
    const labels = Object.fromEntries(
      [...(sample[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name!, value!]),
    );
    const value = Number(sample[3] === "+Inf" ? "Infinity" : sample[3]);
    assert.ok(!Number.isNaN(value), line);
    samples.push({ name: sample[1]!, labels, value });
  }
  return { types, samples };
}

function feedSummary() {
  const feed = newFeedMetrics(0);
  feed.state = "live";
  feed.frames = 7;
  feed.lastDatumMs = 900;
  recordAge(feed, 40);
  return summarise(feed, 1000);
}

function metricsOf(session: TestSession | null) {
  const made = openMetrics({
    session: () => session,
    feeds: () => ({ "binance.spot": feedSummary(), "deribit": { ...feedSummary(), state: "down" } }),
    dashboard: () => ({ clients: 2, dropped: 1, longestLookMs: 3 }),
  });
  if (session !== null) {
    session.observer.onLatency = (seconds) => made.observeLatency(session.info.strategy, seconds);
  }
  return made;
}

/** Rows of the tables of docs/metrics.md: name, type, labels. */
async function documented(): Promise<Map<string, { type: string; labels: string[] }>> {
  const page = await Deno.readTextFile(`${ROOT}docs/metrics.md`);
  const rows = page.matchAll(/^\| `(polyedge_\w+)`\s*\| (\w+)\s*\|[^|]*\|([^|]*)\|/gm);
  return new Map([...rows].map(([, name, type, labels]) => [name!, {
    type: type!,
    labels: [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label!),
  }]));
}

const SEEDS = [
  ...["orders_total", "order_latency_seconds", "order_errors_total", "orders_canceled_total", "fill_rate"],
  ...["pnl_realized", "pnl_unrealized", "position_exposure", "drawdown_current", "bankroll_available"],
  ...["ws_connected", "directional_accuracy", "directional_confidence_avg", "mm_inventory", "mm_spread_bps"],
].map((name) => NAMESPACE + name);

Deno.test("every metric is documented with its type and labels, every documented one is served", async () => {
  const rows = await documented();
  const made = [{ name: LATENCY_NAME, type: "histogram", labels: ["strategy"] }, ...METRICS];
  assert.deepEqual([...rows.keys()].sort(), made.map(({ name }) => NAMESPACE + name).sort());
  const { types } = parseText(await metricsOf(null).text());
  for (const { name, type, labels } of made) {
    const row = rows.get(NAMESPACE + name)!;
    assert.equal(row.type, type, name);
    assert.deepEqual(row.labels, [...labels], name);
    assert.equal(types.get(NAMESPACE + name), type, name);
  }
});

Deno.test("the fifteen metrics of the earlier systems are there; the histogram has their buckets", async () => {
  await withTape(async (tape) => {
    const session = await openTestSession(tape);
    const metrics = metricsOf(session);
    session.play(1);
    const { types, samples } = parseText(await metrics.text());
    for (const name of SEEDS) assert.ok(types.has(name), name);
    const buckets = samples.filter(({ name }) => name === "polyedge_order_latency_seconds_bucket");
    assert.deepEqual(
      buckets.map(({ labels }) => labels["le"]),
      [...LATENCY_BUCKETS.map(String), "+Inf"],
    );
  });
});

Deno.test("metrics say what the session says, and twice the same when nothing happened between", async () => {
  await withTape(async (tape) => {
    const session = await openTestSession(tape);
    const metrics = metricsOf(session);
    session.play(1);
    const text = await metrics.text();
    const { samples } = parseText(text);
    const value = (name: string, labels: Record<string, string> = {}) => {
      const found = samples.filter((sample) =>
        sample.name === NAMESPACE + name &&
        Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted)
      );
      return found.reduce((sum, sample) => sum + sample.value, 0);
    };
    const { recorder } = session;
    assert.ok(recorder.engine.ordersSent > 0);
    assert.equal(value("orders_total", { status: "sent" }), recorder.engine.ordersSent);
    assert.equal(value("fills_total"), recorder.fillCount);
    assert.equal(value("pnl_realized"), recorder.engine.portfolio.realised / 1e6);
    assert.equal(value("equity"), recorder.engine.equity() / 1e6);
    assert.equal(value("windows_settled_total"), 2);
    assert.equal(value("order_latency_seconds_count"), recorder.engine.ordersSent);
    assert.equal(value("ws_connected", { source: "binance.spot" }), 1);
    assert.equal(value("ws_connected", { source: "deribit" }), 0);
    assert.equal(value("feed_data_age_seconds", { source: "binance.spot" }), 0.1);
    assert.equal(value("dashboard_clients"), 2);
    const volatile = /^polyedge_process_/;
    const steady = (page: string) => page.split("\n").filter((line) => !volatile.test(line));
    assert.deepEqual(steady(await metrics.text()), steady(text));
  });
});

Deno.test("what is not known yet has no sample, so that no alert fires on it", async () => {
  const { samples } = parseText(await metricsOf(null).text());
  const names = new Set(samples.map(({ name }) => name));
  for (const name of ["directional_accuracy", "fill_rate", "equity", "pnl_realized"]) {
    assert.ok(!names.has(NAMESPACE + name), name);
  }
});

Deno.test("alerts and the Grafana dashboard ask only for metrics that exist", async () => {
  const known = new Set([...(await documented()).keys()]);
  for (const file of ["alerts.yml", "grafana_dashboard.json"]) {
    const text = await Deno.readTextFile(`${ROOT}deploy/${file}`);
    const asked = [...text.matchAll(/polyedge_\w+/g)].map(([name]) =>
      name.replace(/_(bucket|sum|count)$/, "")
    );
    assert.ok(asked.length >= 10, file);
    assert.deepEqual(asked.filter((name) => !known.has(name)), [], file);
  }
  const grafana: unknown = JSON.parse(await Deno.readTextFile(`${ROOT}deploy/grafana_dashboard.json`));
  assert.ok((grafana as { panels: unknown[] }).panels.length >= 11);
});
