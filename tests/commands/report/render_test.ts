import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ms, usdc } from "../../../core/units.ts";
import { MAX_FILL_ROWS, MAX_WINDOW_CHARTS } from "../../../commands/report/session.ts";
import { renderReport } from "../../../commands/report/report.ts";
import { addForecast, brierRows, createBrier, reliability } from "../../../core/stats/brier.ts";
import { chartOf, emptyBacktest, emptySession, fill, SLUG, strategyOf } from "./models.ts";

const EVIL = `</script><img src=x onerror=alert(1)>"'<!--`;

/** The data the page's script reads. */
function dataOf(html: string): {
  charts: Record<
    string,
    { x: number[]; times?: unknown[]; series: { label: string; y: unknown[] }[]; fills?: { y: number }[] }
  >;
} {
  const match = /<script type="application\/json" id="report-data">([\s\S]*?)<\/script>/.exec(html);
  assert.ok(match !== null);
  return JSON.parse(match[1] as string);
}

const fullSession = {
  ...emptySession,
  equity: { tMs: [1000, 2000], equity: [1_000_000_000, 1_001_500_000] },
  charts: [chartOf(SLUG)],
  fills: [fill(), fill({ outcome: "down" })],
};

Deno.test("renderReport() lets no text of the model become markup, wherever it stands", () => {
  const session = renderReport({
    ...emptySession,
    session: EVIL,
    venue: EVIL,
    strategy: EVIL,
    model: EVIL,
    assets: [EVIL],
    durations: [EVIL],
    basis: EVIL,
    decisionsHash: EVIL,
    warnings: [{ code: EVIL, message: EVIL }],
    charts: [{ ...chartOf(EVIL), note: EVIL }],
    fills: [fill({ slug: EVIL })],
    windows: [{
      slug: EVIL,
      strike: EVIL,
      outcome: "up",
      fills: 1,
      fees: usdc(0),
      pnl: usdc(0),
      settled: false,
    }],
    notSent: [{ code: EVIL, count: 1, meaning: EVIL }],
    feeds: [{
      feed: EVIL,
      state: EVIL,
      frames: 1,
      perSecond: 1,
      ageMsP50: null,
      ageMsP99: null,
      gaps: 0,
      reconnects: 0,
      unrecognised: 0,
    }],
    latency: [{
      stage: EVIL,
      n: 1,
      p50Us: 5,
      p95Us: 5,
      p99Us: 5,
      maxUs: 5,
      bins: [{ fromUs: 4, toUs: 6, count: 1 }],
    }],
  });
  const backtest = renderReport({
    ...emptyBacktest,
    title: EVIL,
    strategies: [{ ...strategyOf(EVIL, [1, -1]), note: EVIL, basis: EVIL }],
    forecasters: [{ name: EVIL, rows: brierRows(createBrier()), reliability: [] }],
    tapes: [{ tape: EVIL, layout: EVIL, windows: 1, events: 1, fromMs: null, toMs: null, absent: [EVIL] }],
    assumptions: [{ name: EVIL, value: EVIL }],
    limits: [EVIL],
  });
  for (const html of [session, backtest]) {
    assert.ok(!/<img/i.test(html));
    // Exactly our three script elements, and as many ends.
    assert.equal(html.match(/<script/g)?.length, 3);
    assert.equal(html.match(/<\/script/g)?.length, 3);
    assert.ok(!html.includes("<!--"));
    assert.ok(html.includes("&lt;/script&gt;&lt;img"));
  }
  assert.equal(dataOf(backtest).charts.equity?.series[0]?.label, EVIL);
});

Deno.test("renderReport() refers to nothing outside the file", () => {
  for (const html of [renderReport(fullSession), renderReport(emptyBacktest)]) {
    assert.deepEqual(html.match(/\b(https?|wss?|ftp):\/\/[^\s]*/g), null);
    assert.equal(/<link\b|@import|url\(|\ssrc=|\shref="(?!#)/.exec(html)?.[0], undefined);
  }
});

Deno.test("renderReport() names in its content security policy the hashes of exactly the scripts it contains", () => {
  const html = renderReport(emptyBacktest);
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1]?.replaceAll(
    "&#39;",
    "'",
  );
  const scripts = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, text]) => text as string);
  assert.equal(scripts.length, 2);
  const hashes = scripts.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`);
  assert.ok(policy?.includes(`script-src ${hashes.join(" ")};`), policy);
  assert.ok(policy?.startsWith("default-src 'none'"));
});

Deno.test("renderReport() carries the licence of the chart library it embeds", () => {
  assert.match(renderReport(emptyBacktest), /Copyright \(c\) \d{4} Leon Sorokin/);
});

Deno.test("renderReport() of a session without a window or a fill says so instead of drawing empty tables", () => {
  const html = renderReport(emptySession);
  for (const text of ["No equity was recorded.", "No window was watched.", "Nothing was filled."]) {
    assert.ok(html.includes(text), text);
  }
  assert.ok(
    !/NaN|undefined|Infinity/.test(
      html.slice(0, html.indexOf("<script"))
        .replace(/<style>[\s\S]*<\/style>/, ""),
    ),
  );
});

Deno.test("renderReport() of a backtest without strategies or with idle ones has no NaN", () => {
  const idle = strategyOf("idle", []);
  const scored = { name: "mid", rows: brierRows(createBrier()), reliability: [] };
  for (const strategies of [[], [idle], [idle, strategyOf("flat", [0, 0])]]) {
    const html = renderReport({ ...emptyBacktest, strategies, forecasters: [scored] });
    assert.ok(!/NaN|undefined|Infinity/.test(html.slice(html.indexOf("<body"), html.indexOf("<script"))));
  }
});

Deno.test("renderReport() is the same text for the same model", () => {
  assert.equal(renderReport(fullSession), renderReport(fullSession));
});

Deno.test("renderReport() draws a fill of Down on the Up scale at 1 - price", () => {
  const spec = dataOf(renderReport(fullSession)).charts["window-0"];
  assert.deepEqual(spec?.fills?.map(({ y }) => y), [0.47, 0.53]);
});

Deno.test("renderReport() shows equity in pUSD", () => {
  assert.deepEqual(dataOf(renderReport(fullSession)).charts.equity?.series[0]?.y, [1000, 1001.5]);
});

Deno.test("renderReport() opens the first window that has fills", () => {
  const second = { ...chartOf("eth-updown-5m-1795251600"), note: "second" };
  const row = { strike: null, outcome: null, fees: usdc(0), pnl: usdc(0), settled: true };
  const html = renderReport({
    ...emptySession,
    charts: [chartOf(SLUG), second],
    windows: [{ ...row, slug: SLUG, fills: 0 }, { ...row, slug: second.slug, fills: 2 }],
  });
  const states = [...html.matchAll(/<details( open)?>.*?class="slug">([^<]*)</g)].map(([, open, slug]) => [
    slug,
    open === " open",
  ]);
  assert.deepEqual(states, [[SLUG, false], [second.slug, true]]);
});

Deno.test("renderReport() lists at most 500 fills and says how many there are", () => {
  const fills = Array.from({ length: MAX_FILL_ROWS + 7 }, (_, i) => fill({ tMs: ms(i) }));
  const html = renderReport({ ...emptySession, fills });
  assert.ok(html.includes("The first 500 of 507 fills."));
  const table = html.slice(html.indexOf('id="fills"'), html.indexOf('id="feeds"'));
  assert.equal(table.match(/<tr>/g)?.length, MAX_FILL_ROWS + 1);
});

Deno.test("renderReport() keeps at most 60 window charts, those with fills before others", () => {
  const charts = Array.from({ length: 70 }, (_, i) => chartOf(`btc-updown-5m-${i}`));
  const html = renderReport({ ...emptySession, charts, fills: [fill({ slug: "btc-updown-5m-69" })] });
  assert.equal(html.match(/<details/g)?.length, MAX_WINDOW_CHARTS);
  assert.ok(html.includes("Charts of 60 of 70 windows"));
  assert.ok(html.includes('<span class="slug">btc-updown-5m-69</span>'));
});

Deno.test("renderReport() keeps a session of 60 long windows below 8 MB", () => {
  const charts = Array.from({ length: 60 }, (_, i) => chartOf(`btc-updown-5m-${i}`, 9000));
  assert.ok(renderReport({ ...emptySession, charts }).length < 8e6);
});

Deno.test("renderReport() carries each strategy's equity forward over the settlements of all", () => {
  const early = strategyOf("early", [5_000_000]);
  const both = strategyOf("both", [1_000_000, -3_000_000]);
  const spec = dataOf(renderReport({ ...emptyBacktest, strategies: [early, both] })).charts.equity;
  assert.deepEqual(spec?.x, [0, 1, 2]);
  assert.deepEqual(spec?.series.map(({ y }) => y), [[1000, 1005, 1005], [1000, 1001, 998]]);
  assert.equal(spec?.times?.[0], null);
});

Deno.test("renderReport() shows each Brier score with its error beside the constant 0.5", () => {
  const score = createBrier();
  for (const [forecast, up] of [[0.8, true], [0.6, false]] as const) {
    for (const k of [0, 1, 2]) addForecast(score, k, forecast, up);
  }
  const bins = [0, 1, 2].map((k) => reliability(score, k));
  const html = renderReport({
    ...emptyBacktest,
    forecasters: [{ name: "market mid", rows: brierRows(score), reliability: bins }],
  });
  assert.ok(html.includes("0.2000 ± 0.1600"));
  assert.ok(html.includes("0.2500"));
  assert.equal(html.match(/aria-label="Reliability at/g)?.length, 3);
});
