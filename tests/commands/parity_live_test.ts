/** The ledger beside a venue that answers for itself: the simulated one, on real sockets. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { averagePrice } from "../../core/exchange/parity_row.ts";
import { readParity } from "../../commands/trading/parity_file.ts";
import type { ParitySummary } from "../../commands/trading/parity_summary.ts";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { poly } from "../cli/harness.ts";
import { withFolder } from "../feeds/tape/recordings.ts";
import { TEST_KEYS } from "../venue/official.ts";

const START = Date.UTC(2026, 10, 21, 9, 34, 30);
/** At ten times the speed a millisecond of a busy machine is ten of the venue's. */
const LIVE = `live = true
[sizing]
usdc = "25"
[risk]
maxPositionPerMarketUsdc = "500"
maxTotalExposureUsdc = "2000"
maxSignalAgeMs = 30000
maxBookAgeMs = 60000
`;

Deno.test("live: each order at the venue has its prediction; calibrate measures its latency and its settlements", async () => {
  const venue = await startVenue({
    seed: 7,
    startMs: START,
    durations: ["5m"],
    historyHours: 2,
    speed: 10,
    assets: ["btc"],
  });
  try {
    await withFolder(async (root) => {
      const data = join(root, "data");
      const config = join(root, "live.toml");
      await Deno.writeTextFile(config, LIVE);
      const env = { POLY_PRIVATE_KEY: TEST_KEYS[0], POLY_SIGNATURE_TYPE: "0" };
      const common = ["--data", data, "--config", config, "--log-level", "off", "--json"];
      const at = ["--venue", `sim:${venue.port}`, ...common];
      const doctor = await poly(["doctor", ...at], { env });
      assert.equal(doctor.code, 0, JSON.stringify(doctor.envelope));
      const traded = await poly(
        ["trade", "--live", "--yes", "--strategy", "random", "--asset", "btc", "--for", "120s", ...at],
        { env },
      );
      // 3 and 5: a limit ended it early, or windows were cut off; sessions like any other.
      assert.ok([0, 3, 5].includes(traded.code), traded.out + traded.err);
      const result = traded.envelope?.data ?? {};
      const session = String(result["session"]);
      const { rows } = (await readParity(join(data, "sessions", session)))!;
      const parity = result["parity"] as ParitySummary;
      assert.equal(rows.length, result["orders"]);
      assert.equal(parity.orders, rows.length);
      assert.equal(rows.reduce((sum, row) => sum + row.actual.fills, 0), result["fills"]);
      const filled = rows.filter((row) => row.actual.takerSize > 0);
      assert.ok(filled.length > 0);
      // A fill within the limit, near what was displayed when the order was sent.
      for (const row of filled) {
        const paid = averagePrice(row.actual)!;
        assert.ok(row.side === "buy" ? paid <= row.limit : paid >= row.limit, row.orderId);
        assert.ok(row.actual.ackMs! > 0 && row.actual.endMs! >= row.actual.ackMs!);
      }
      assert.ok(rows.some((row) => row.actual.settled > 0));

      const out = join(root, "measured.json");
      const fitted = await poly(["calibrate", session, "--out", out, ...common]);
      assert.equal(fitted.code, 0, JSON.stringify(fitted.envelope?.error));
      const fits = fitted.envelope?.data?.["fits"] as { name: string; samples: number }[];
      assert.ok(fits.find((one) => one.name === "order latency")!.samples > 0);
      assert.ok(fits.find((one) => one.name === "settlement failure rate")!.samples > 0);
    });
  } finally {
    await venue.close();
  }
});
