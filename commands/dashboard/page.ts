/**
 * The dashboard's page: one document with style and scripts inside, in the reports' look. The content security policy lets
 * exactly our two scripts run and connect to nothing but the server the page came from.
 */
import { createHash } from "node:crypto";
import uplotLicense from "uplot/LICENSE" with { type: "text" };
import uplotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplotJs from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import reportCss from "../report/assets/report.css" with { type: "text" };
import { type Html, markup, trusted } from "../report/html.ts";
import dashboardCss from "./assets/dashboard.css" with { type: "text" };
import dashboardJs from "./assets/dashboard.js" with { type: "text" };

const LIBRARY = `/*!\nuPlot 1.6.32\n${uplotLicense.trim()}\n*/\n${
  uplotJs.replace(/^\/\*![\s\S]*?\*\/\s*/, "")
}`;

const hashOf = (script: string): string => `'sha256-${createHash("sha256").update(script).digest("base64")}'`;

/** Sent as a header with the page. */
export const PAGE_POLICY =
  `default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; script-src ${
    hashOf(LIBRARY)
  } ${hashOf(dashboardJs)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** A panel with a title, a note beside it, and a place that the script fills. */
const panel = (id: string, title: string, note: string, wide = ""): Html =>
  markup`
    <section id="${id}" class="panel ${wide}" aria-labelledby="${id}-title">
      <div class="panel-head"><h2 id="${id}-title">${title}</h2><span class="note" id="${id}-note">${note}</span></div>
      <div class="panel-body" id="${id}-body"></div>
    </section>
  `;

let rendered: string | null = null;

/** The whole document as text. It is the same for every session: what it shows comes by the event stream. */
export function renderDashboard(): string {
  rendered ??= markup`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <link rel="icon" href="data:,">
        <title>poly-edge</title>
        <style>${trusted(uplotCss)}
    ${trusted(reportCss)}
    ${trusted(dashboardCss)}</style>
      </head>
      <body class="waiting">
        <header class="bar">
          <div class="wrap">
            <div class="who">
              <p class="kind" id="kind">poly-edge</p>
              <h1 id="title">Waiting for the session</h1>
            </div>
            <div class="status">
              <span class="badge" id="mode" hidden></span>
              <span class="badge conn" id="conn" role="status" data-state="connecting"><i></i><span id="conn-text">connecting</span></span>
              <time class="clock" id="clock">--:--:--</time>
            </div>
          </div>
        </header>
        <div class="banner" id="banner" role="alert" hidden></div>
        <main class="wrap">
          <noscript><p class="empty">This page needs scripts: everything on it is live.</p></noscript>
          <h2 class="visually-hidden">Result</h2>
          <div class="tiles" id="tiles"></div>
          <h2 class="visually-hidden">Markets</h2>
          <div class="cards" id="markets"></div>
          <div class="cols">
    ${panel("equity", "Equity", "cash and open positions at the bid", "grow")}
    ${panel("policy", "Strategy", "")}
          </div>
          <div class="cols">
    ${panel("positions", "Open positions", "marked at the executable bid", "grow")}
    ${panel("fills", "Trade feed", "newest first", "grow")}
          </div>
          <div class="cols">
    ${panel("latency", "Latency", "this process, since the start", "grow")}
    ${panel("feeds", "Feeds", "age: received less stamped", "grow")}
          </div>
    ${panel("not-sent", "Orders not sent", "by reason")}
        </main>
        <footer>
          <div class="wrap" id="foot">All times are UTC, all money is pUSD.</div>
        </footer>
        <script>${trusted(LIBRARY)}</script>
        <script>${trusted(dashboardJs)}</script>
      </body>
    </html>
  `.html;
  return rendered;
}
