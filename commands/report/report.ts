/** Reports as one self-contained HTML file: `renderReport` makes the text, `writeReport` puts it on disk. */
import { backtestPage } from "./backtest.ts";
import type { ReportModel } from "./model.ts";
import { renderPage } from "./page.ts";
import { sessionPage } from "./session.ts";

export type * from "./model.ts";
export { writeReport } from "./write.ts";

/**
 * The whole report as HTML text: no outside reference, dark and light, for screen, phone and print. Deterministic: the
 * same model gives the same bytes. All text of the model is escaped.
 */
export const renderReport = (model: ReportModel): string =>
  renderPage(model.kind === "session" ? sessionPage(model) : backtestPage(model));
