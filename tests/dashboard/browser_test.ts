import assert from "node:assert/strict";
import type { DashboardState } from "../../commands/dashboard/model.ts";
import { serveDashboard } from "../../commands/dashboard/server.ts";
import { findChromium, type Page, type View, withPage } from "./chromium.ts";
import { openTestSession, type TestSession, withTape } from "./session.ts";

const DESKTOP: View = { width: 1440, height: 900, dark: false, mobile: false };
const PHONE: View = { width: 390, height: 844, dark: true, mobile: true };

const chromium = await findChromium();
if (chromium === null) {
  console.log("SKIPPED the dashboard in a browser: no Chromium on this machine (set CHROMIUM)");
}

async function inBrowser(
  use: (
    page: Page,
    session: TestSession,
    server: ReturnType<typeof serveDashboard>,
  ) => Promise<void>,
  change: (state: DashboardState) => DashboardState | null = (state) => state,
): Promise<void> {
  await withTape(async (tape) => {
    const session = await openTestSession(tape);
    const server = serveDashboard(
      { state: () => change(session.state()), charts: () => session.charts() },
      {
        address: { host: "127.0.0.1", port: 0 },
        expose: false,
        hosts: [],
        onFault: (error) => {
          throw error;
        },
      },
    );
    try {
      await withPage(chromium!, (page) => use(page, session, server));
    } finally {
      await server.close();
    }
  });
}

const textOf = (page: Page, id: string) =>
  page.evaluate<string>(`document.getElementById("${id}").innerText`);

Deno.test({
  name:
    "browser: the page follows the session live, on a desktop and on a phone, without a fault or overflow",
  ignore: chromium === null,
  fn: () =>
    inBrowser(async (page, session, server) => {
      await page.open(server.url, DESKTOP);
      await page.until('document.getElementById("conn").dataset.state === "live"');
      // Nothing happened yet: every panel says so instead of being blank.
      assert.match(await textOf(page, "markets"), /No window is open/);
      for (
        const [id, words] of [["positions", /Nothing is held/], ["fills", /Nothing was filled/]] as const
      ) {
        assert.match(await textOf(page, `${id}-body`), words);
      }
      session.play(0.5);
      await page.until('document.querySelectorAll("#markets .card").length > 0');
      await page.until('document.querySelectorAll("#fills-body tbody tr").length > 0');
      const fills = await page.evaluate<number>('document.querySelectorAll("#fills-body tbody tr").length');
      assert.equal(fills, Math.min(40, session.recorder.fills.length));
      const tiles = await textOf(page, "tiles");
      assert.ok(tiles.includes((session.recorder.engine.equity() / 1e6).toLocaleString("en-US", {
        minimumFractionDigits: 2,
        maximumFractionDigits: 2,
      })));
      await page.until('document.querySelector("#equity-body canvas") !== null');
      for (const view of [DESKTOP, { ...DESKTOP, dark: true }, PHONE, { ...PHONE, dark: false }]) {
        await page.resize(view);
        await page.until(`innerWidth === ${view.width}`);
        const wide = await page.evaluate<number>("document.documentElement.scrollWidth");
        assert.equal(wide, view.width, JSON.stringify(view));
        const contrast = await page.evaluate<number>(CONTRAST);
        assert.ok(contrast >= 4.5, `contrast ${contrast} with ${JSON.stringify(view)}`);
      }
      assert.deepEqual(page.problems, []);
    }),
});

/** Lowest contrast of the page's text colours against its cards and its ground (WCAG 2.2, 1.4.3 wants 4.5). */
const CONTRAST = `(() => {
  const probe = document.body.appendChild(document.createElement("i"));
  const rgb = (name) => { probe.style.color = "var(" + name + ")"; return getComputedStyle(probe).color.match(/[\\d.]+/g).map(Number); };
  const light = (name) => rgb(name).slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const lows = ["--text", "--muted", "--gain", "--loss", "--alarm", "--ok", "--wait"].flatMap((name) => [ratio(name, "--card"), ratio(name, "--bg")]);
  lows.push(ratio("--text", "--warn-bg"), ratio("--alarm", "--alarm-bg"));
  probe.remove();
  return Math.min(...lows);
})()`;

Deno.test({
  name: "browser: what a venue writes stays text, a latch and stale books are named, an end is told as one",
  ignore: chromium === null,
  fn: () =>
    inBrowser(async (page, session, server) => {
      session.play(0.4);
      await page.open(server.url, DESKTOP);
      await page.until('document.querySelectorAll("#markets .card").length > 0');
      assert.match(await textOf(page, "banner"), /DRAWDOWN_LATCH/);
      assert.match(await textOf(page, "not-sent-body"), /<img src=x onerror=alert\(1\)>/);
      assert.equal(
        await page.evaluate<number>('document.querySelectorAll("main img, main script").length'),
        0,
      );
      assert.ok(
        await page.evaluate<boolean>('document.querySelector("#markets .card.late .age.bad") !== null'),
      );
      await server.close();
      await page.until('document.getElementById("conn").dataset.state === "ended"');
      assert.match(await textOf(page, "banner"), /session is over/);
    }, (state) => ({
      ...state,
      latch: "DRAWDOWN_LATCH",
      notSent: [{ code: "<img src=x onerror=alert(1)>", count: 1, meaning: "<b>bold</b>" }],
      markets: state.markets.map((market) => ({ ...market, stale: true, bookAgeMs: 9000 })),
    })),
});

Deno.test({
  name: "browser: without updates the page turns grey and says how old it is",
  ignore: chromium === null,
  fn: () => {
    let silent = false;
    return inBrowser(async (page, session, server) => {
      session.play(0.3);
      await page.open(server.url, PHONE);
      await page.until('document.getElementById("conn").dataset.state === "live"');
      silent = true;
      // The connection stands and nothing comes: the page's clock goes on, a minute at once.
      await page.evaluate(
        "void (performance.now = ((from) => () => from() + 60000)(performance.now.bind(performance)))",
      );
      await page.until('document.body.classList.contains("stale")', 5_000);
      assert.match(await textOf(page, "banner"), /No update for/);
      assert.equal(await textOf(page, "conn-text"), "stale");
    }, (state) => silent ? null : state);
  },
});
