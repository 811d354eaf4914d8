/** A small part of the fault drill, of the load and of the way from frame to bytes. The wholes: `drill:orders`, `soak:orders`. */
import assert from "node:assert/strict";
import { ORDER_CASES } from "../../scripts/drill/order_cases.ts";
import { runOrderCase } from "../../scripts/drill/order_run.ts";
import { OrderWatch } from "../../scripts/drill/order_watch.ts";

const CASES = ["timeout after landing", "settlement fails", "messages twice"];

Deno.test("what the venue does wrong breaks no promise about orders", async () => {
  const cases = ORDER_CASES.filter(({ name }) => CASES.includes(name));
  assert.equal(cases.length, CASES.length);
  const outcomes = await Promise.all(cases.map((one, i) => runOrderCase(one, 60 + i, 3)));
  // How soon trading is back depends on the machine; the drill judges that.
  assert.deepEqual(outcomes.flatMap(({ notes, verdict }) => verdict === "BROKEN" ? notes : []), []);
  assert.ok(outcomes.every(({ orders }) => orders > 0));
});

Deno.test("the watch tells bytes before their intent, an order sent twice, a fill told twice or moved twice", () => {
  const watch = new OrderWatch(() => 0);
  const entry = watch.wrapEntry({ submit: () => ({ sent: false, code: "X", message: "" }) } as never);
  entry.submit("a", { postOnly: false });
  entry.submit("a", { postOnly: false });
  const fill = { type: "fill", fillId: "f", provisional: true } as never;
  const stage = { type: "fillStage", fillId: "f", stage: "final" } as never;
  for (const event of [fill, fill, stage, stage]) watch.onEvent(event);
  assert.deepEqual(watch.broken.map((text) => text.slice(0, 10)), [
    "promise 3:",
    "promise 3:",
    "promise 3:",
    "promise 5:",
    "promise 5:",
  ]);
});

Deno.test("under a load over the budget only our own budget refuses, and nothing is lost", async () => {
  const script = new URL("../../scripts/soak_orders.ts", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--no-check", script, "--minutes", "0.1", "--orders", "70", "--json"],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  const { data } = JSON.parse(new TextDecoder().decode(stdout)) as {
    data: { sent: number; refusedByVenue: number; checks: Record<string, boolean> };
  };
  assert.ok(data.sent > 20);
  assert.equal(data.refusedByVenue, 0);
  // Six seconds say nothing about memory; on a busy machine the heart may miss a beat, and then orders are refused for that.
  const failed = Object.entries(data.checks).filter(([name, holds]) =>
    !holds && !/^(heap|no alarm|only our own)/.test(name)
  );
  assert.deepEqual(failed, []);
});
