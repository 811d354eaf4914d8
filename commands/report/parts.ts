/** Building blocks of the page: tiles, tables, sections, chart frames. Everything from outside is escaped by `markup`. */
import { DASH } from "./format.ts";
import { type Html, markup } from "./html.ts";
import type { ReportWarning } from "./model.ts";

export interface Column {
  readonly label: string;
  /** `num` right-aligned, `text` wraps, `plain` neither. */
  readonly kind: "num" | "text" | "plain";
}

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: Html;
}

/** A summary figure. `tone` colours it; the sign in `value` says the same without colour. */
export interface Tile {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  readonly sub?: string;
  readonly tone?: string;
}

export const tiles = (list: readonly Tile[]): Html =>
  markup`<div class="tiles">${
    list.map((tile) =>
      markup`
        <div
          class="tile"><div class="label">${tile.label}</div><div class="value ${
        tile.tone ?? ""
      }">${tile.value}${tile.unit === undefined ? null : markup`<small>${tile.unit}</small>`}</div>${
        tile.sub === undefined ? null : markup`<div class="sub">${tile.sub}</div>`
      }</div>
      `
    )
  }</div>\n`;

/** A table that scrolls sideways on narrow screens; `empty` is what an empty one says instead. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly (string | Html)[])[],
  empty: string,
): Html {
  if (rows.length === 0) return markup`<p class="empty">${empty}</p>`;
  const kindOf = (index: number): string => columns[index]?.kind ?? "plain";
  const head = columns.map((column) => markup`<th scope="col" class="${column.kind}">${column.label}</th>`);
  const body = rows.map((row) =>
    markup`<tr>${row.map((cell, index) => markup`<td class="${kindOf(index)}">${cell}</td>`)}</tr>\n`
  );
  return markup`
    <div class="scroll">
      <table>
        <thead>
          <tr>${head}</tr>
        </thead>
        <tbody>${body}</tbody>
      </table>
    </div>
  `;
}

/** A figure coloured by its sign. */
export const toned = (text: string, tone: string): Html => markup`<span class="${tone}">${text}</span>`;

export const mono = (text: string): Html => markup`<span class="mono">${text}</span>`;

/** Term and value pairs of the header. `wide` values get a row of their own. */
export const facts = (
  list: readonly { readonly term: string; readonly value: string | Html; readonly wide?: boolean }[],
): Html =>
  markup`<dl class="facts">${
    list.map((fact) =>
      markup`
        <div class="${fact.wide === true ? "wide" : ""}">
          <dt>${fact.term}</dt>
          <dd>${fact.value === "" ? DASH : fact.value}</dd>
        </div>
      `
    )
  }</dl>`;

export const lead = (text: string): Html => markup`<p class="lead">${text}</p>`;

/** Where the script draws chart `id`; `label` is what a screen reader says. */
export const chart = (id: string, label: string, caption: string, key: Html | null = null): Html =>
  markup`
    <figure
      class="chart"><div class="plot" data-chart="${id}" role="img" aria-label="${label}"></div>${key}<figcaption>${caption}</figcaption></figure>
  `;

export const ZOOM_HINT =
  "Drag across the chart to zoom in, double-click to zoom out; click a name to hide its line.";

/** Warnings first: a reader should meet them before the figures. */
export function warningBox(warnings: readonly ReportWarning[]): Html | null {
  if (warnings.length === 0) return null;
  return markup`
    <section class="warnings" id="warnings">
      <h2>Warnings (${warnings.length})</h2>
      <ul>${warnings.map((warning) => markup`<li><code>${warning.code}</code> ${warning.message}</li>`)}</ul>
    </section>
  `;
}

export const bullets = (lines: readonly (string | Html)[]): Html =>
  markup`<ul class="plain">${lines.map((line) => markup`<li>${line}</li>`)}</ul>`;

/** Why orders were not sent, shared by both reports. */
export const notSentTable = (
  rows: readonly { readonly code: string; readonly count: number; readonly meaning: string }[],
): Html =>
  table(
    [{ label: "Reason", kind: "plain" }, { label: "Times", kind: "num" }, { label: "Meaning", kind: "text" }],
    [...rows].sort((a, b) => b.count - a.count).map((row) => [
      mono(row.code),
      row.count.toLocaleString("en-US"),
      row.meaning,
    ]),
    "Every order that was decided was also sent.",
  );
