import assert from "node:assert/strict";
import { AUDIT_ROWS, WHAT } from "../../../commands/trading/audit.ts";
import { renderReport } from "../../../commands/report/report.ts";
import { emptyBacktest, noClaims, strategyOf } from "./models.ts";

const page = (claims: typeof noClaims) =>
  renderReport({ ...emptyBacktest, strategies: [{ ...strategyOf("s", [1_000_000]), claims }] });

Deno.test("no page without the whole audit: leaving out any row trips", () => {
  for (let i = 0; i < AUDIT_ROWS.length; i++) {
    const rows = noClaims.audit.rows.toSpliced(i, 1);
    assert.throws(() => page({ ...noClaims, audit: { ...noClaims.audit, rows } }), /must have the rows/);
  }
  const asset = { ...noClaims, on: "eth", windows: 1, trades: 1, pnl: 0, ci95: null } as never;
  const held = { ...(asset as typeof noClaims), audit: { complete: true, rows: [] } } as never;
  assert.throws(() => page({ ...noClaims, assets: [held] }), /must have the rows/);
});

Deno.test("the page shows every row of the audit, the verdict and go or no-go", () => {
  const rows = noClaims.audit.rows.map((row) => ({ ...row, finding: "informs" as const }));
  const html = page({ ...noClaims, audit: { complete: true, rows } });
  for (const name of AUDIT_ROWS) assert.ok(html.includes(WHAT[name]), name);
  assert.ok(html.includes("Nothing is shown.") && html.includes("s: no-go"));
});

Deno.test("an interrupted audit says that nothing may be concluded", () => {
  assert.ok(
    page({ ...noClaims, audit: { ...noClaims.audit, complete: false } }).includes("Nothing may be concluded"),
  );
});
