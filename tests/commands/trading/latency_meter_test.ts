import assert from "node:assert/strict";
import { LatencyMeter } from "../../../commands/trading/latency_meter.ts";
import { aggressiveness } from "../../../core/risk/latency.ts";
import { DEFAULT_LIMITS } from "../../../core/risk/gate.ts";
import { ms } from "../../../core/units.ts";
import { eventRecord, parseEventRecord } from "../../../feeds/session/event_line.ts";

const NOW = ms(1_795_253_700_000);

Deno.test("a latency event once a second holds the round trips of the last ten and the loop's worst pause", () => {
  let wall = 0;
  let loopUs = 40_000;
  const meter = new LatencyMeter(() => wall, () => {
    const worst = loopUs;
    loopUs = 0;
    return worst;
  });
  wall = 999;
  assert.equal(meter.due(NOW), null);
  for (const trip of [30, 10, 20]) meter.trip(trip);
  loopUs = 12_340;
  wall = 1000;
  const event = meter.due(NOW)!;
  assert.deepEqual(
    [event.trips, event.medianMs, event.worstMs, event.loopMs, event.tReceive],
    [3, 20, 30, 12.3, NOW],
  );
  assert.equal(meter.due(NOW), null);
  wall = 11_000;
  assert.deepEqual([meter.due(NOW)!.trips, meter.due(NOW)], [0, null]);
  wall = 12_000;
  assert.equal(meter.due(NOW)!.medianMs, -1);
});

Deno.test("a latency event comes back from the session's record as it went in", () => {
  const event = { type: "latency", trips: 4, medianMs: 12.5, worstMs: 80, loopMs: -1 } as const;
  const line = eventRecord({ ...event, tExchange: NOW, tReceive: NOW }, true);
  assert.deepEqual(parseEventRecord(line), {
    event: { ...event, tExchange: NOW, tReceive: NOW },
    more: true,
  });
  assert.equal(parseEventRecord(line.replace("12.5", '"12"')), null);
});

Deno.test("the slower, the less a purchase pays beyond the price it saw; a spike keeps it behind", () => {
  const at = (latencyMs: number, base = 3) =>
    aggressiveness(base, latencyMs, { ...DEFAULT_LIMITS, latencyWidenTicks: 2 });
  assert.deepEqual([-1, 0, 33, 34, 67, 99.9, 100, 100.1].map((latencyMs) => at(latencyMs)), [
    3,
    3,
    3,
    2,
    1,
    1,
    0,
    -2,
  ]);
  assert.deepEqual([at(50, -8), at(200, -8)], [-8, -8]);
});
