/**
 * The frame around a report: one file with style, scripts and data inside. A content security policy lets exactly our two
 * scripts run (by their hashes) and nothing be loaded, so even an escaping mistake could not call home.
 */
import { createHash } from "node:crypto";
import uplotLicense from "uplot/LICENSE" with { type: "text" };
import uplotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplotJs from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import chartsJs from "./assets/charts.js" with { type: "text" };
import reportCss from "./assets/report.css" with { type: "text" };
import type { ChartSpec } from "./chart_data.ts";
import { dateTime } from "./format.ts";
import { embedJson, type Html, markup, trusted } from "./html.ts";
import type { ReportWarning } from "./model.ts";
import { type Section, warningBox } from "./parts.ts";

/** What a report fills in. `charts` maps the ids named by `chart()` to their data. */
export interface Page {
  readonly kind: string;
  readonly title: string;
  readonly basis: string;
  readonly header: Html;
  readonly warnings: readonly ReportWarning[];
  readonly sections: readonly Section[];
  readonly charts: Readonly<Record<string, ChartSpec>>;
  readonly version: string;
  readonly generatedAt: number | null;
}

/** uPlot with its licence text in place of the one-line banner, whose link would be the file's only outside address. */
const LIBRARY = `/*!\nuPlot 1.6.32\n${uplotLicense.trim()}\n*/\n${
  uplotJs.replace(/^\/\*![\s\S]*?\*\/\s*/, "")
}`;

const hashOf = (script: string): string => `'sha256-${createHash("sha256").update(script).digest("base64")}'`;

const POLICY =
  `default-src 'none'; style-src 'unsafe-inline'; script-src ${hashOf(LIBRARY)} ${hashOf(chartsJs)}; ` +
  "base-uri 'none'; form-action 'none'";

const sectionHtml = (section: Section): Html =>
  markup`<section id="${section.id}"><h2>${section.title}</h2>${section.content}</section>\n`;

/** The whole document as text. */
export function renderPage(page: Page): string {
  const links = page.sections.map((section) => markup`<a href="#${section.id}">${section.title}</a>`);
  const document = markup`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="${POLICY}">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="generator" content="poly-edge ${page.version}">
        <title>${page.title} · poly-edge</title>
        <style>${trusted(uplotCss)}
    ${trusted(reportCss)}</style>
      </head>
      <body>
        <header class="top">
          <div class="wrap">
    <p class="kind">${page.kind}</p>
    <h1>${page.title}</h1>
    <p class="basis">${page.basis}</p>
    ${page.header}
          </div>
        </header>
        <nav aria-label="Sections">
          <div class="wrap">${links}</div>
        </nav>
        <main class="wrap">
    <noscript><p class="empty">The line charts need scripts; all tables are complete without them.</p></noscript>
    ${warningBox(page.warnings)}
    ${page.sections.map(sectionHtml)}
        </main>
        <footer>
          <div
            class="wrap">Made by poly-edge ${page.version}${
    page.generatedAt === null ? "" : ` on ${dateTime(page.generatedAt)}`
  }. All times are UTC, all money is pUSD. This file is complete: it loads nothing.</div>
        </footer>
        <script type="application/json" id="report-data">${embedJson({ charts: page.charts })}</script>
        <script>${trusted(LIBRARY)}</script>
        <script>${trusted(chartsJs)}</script>
      </body>
    </html>
  `;
  return document.html;
}
