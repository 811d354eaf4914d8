/** A live session before a venue whose rules are not those that a person accepted. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readRules, writeRules } from "../../commands/trading/doctor_record.ts";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { poly } from "../cli/harness.ts";
import { withFolder } from "../feeds/tape/recordings.ts";
import { TEST_KEYS } from "../venue/official.ts";

const START = Date.UTC(2026, 10, 21, 9, 34, 30);
const LIVE = `live = true
[sizing]
usdc = "25"
[risk]
maxPositionPerMarketUsdc = "500"
maxTotalExposureUsdc = "2000"
maxSignalAgeMs = 30000
maxBookAgeMs = 60000
`;

Deno.test("live: a fee that nobody accepted stops every order of its windows, is told, and replays to the same refusals", async () => {
  const options = { seed: 7, startMs: START, durations: ["5m" as const], historyHours: 2, speed: 20 };
  const venue = await startVenue({ ...options, assets: ["btc"] });
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
      // What was accepted is another fee than the one the venue lists.
      const clob = `http://127.0.0.1:${venue.port}/clob`;
      const { format: _, ...accepted } = readRules(data, clob)!;
      const rules = { ...accepted.rules, "btc-5m.fee": "rate 0.05, exponent 1, takers only" };
      writeRules(data, clob, { ...accepted, rules });
      const traded = await poly(
        ["trade", "--live", "--yes", "--strategy", "random", "--asset", "btc", "--for", "60s", ...at],
        { env },
      );
      assert.equal(traded.code, 0, traded.out + traded.err);
      const result = traded.envelope?.data ?? {};
      assert.equal(result["orders"], 0);
      const notSent = result["notSent"] as Record<string, number>;
      assert.ok(notSent["MARKET_NOT_TRADABLE"]! > 0, JSON.stringify(notSent));
      const { drift } = result["live"] as { drift: { slug: string; changes: { name: string }[] }[] };
      assert.deepEqual(drift[0]?.changes.map(({ name }) => name), ["btc-5m.fee"]);
      assert.ok(traded.envelope?.warnings?.some(({ code }) => code === "VENUE_DRIFT"));
      const again = await poly(["replay", String(result["session"]), "--verify", ...common]);
      assert.equal(again.code, 0, again.out + again.err);
      assert.equal(again.envelope?.data?.["decisionsHash"], result["decisionsHash"]);
    });
  } finally {
    await venue.close();
  }
});
