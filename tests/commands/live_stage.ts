/** A simulated venue before which `trade --live` is armed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { poly, type Ran, type RunOptions } from "../cli/harness.ts";
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

export interface LiveStage {
  readonly data: string;
  readonly clob: string;
  /** Runs `poly-edge ...` at the venue with the account's key. */
  run(argv: string[], more?: Pick<RunOptions, "signal">): Promise<Ran>;
  /** Asks the venue to misbehave. */
  control(action: Record<string, unknown>): Promise<void>;
}

/** A BTC venue at twenty times the speed, and a pass of doctor. */
export async function withLiveStage(act: (stage: LiveStage) => Promise<void>): Promise<void> {
  const options = { seed: 7, startMs: START, durations: ["5m" as const], historyHours: 2, speed: 20 };
  const venue = await startVenue({ ...options, assets: ["btc"] });
  try {
    await withFolder(async (root) => {
      const data = join(root, "data");
      const config = join(root, "live.toml");
      await Deno.writeTextFile(config, LIVE);
      const env = { POLY_PRIVATE_KEY: TEST_KEYS[0], POLY_SIGNATURE_TYPE: "0" };
      const globals = ["--data", data, "--config", config, "--log-level", "off", "--json"];
      const run = (argv: string[], more = {}) =>
        poly([...argv, "--venue", `sim:${venue.port}`, ...globals], { env, ...more });
      const doctor = await run(["doctor"]);
      assert.equal(doctor.code, 0, JSON.stringify(doctor.envelope));
      const http = `http://127.0.0.1:${venue.port}`;
      await act({
        data,
        clob: `${http}/clob`,
        run,
        async control(action) {
          const answer = await fetch(`${http}/sim/control`, { method: "POST", body: JSON.stringify(action) });
          const text = await answer.text();
          assert.equal(answer.status, 200, text);
        },
      });
    });
  } finally {
    await venue.close();
  }
}

/** A live session of BTC windows that draws its orders. */
export const TRADE = ["trade", "--live", "--yes", "--strategy", "random", "--asset", "btc"];
