/** What the venue takes, from its own answers, and what our budgets keep back: no byte leaves then. */
import assert from "node:assert/strict";
import { classifySubmit } from "../../../core/orders/lifecycle_reply.ts";
import type { OrderEntry } from "../../../feeds/polymarket/order_entry/types.ts";
import { type Act, answer, type Desk, type Ready, withDesk, withScript } from "./desk.ts";
import { httpProxy } from "../net/proxies.ts";

async function codeOf(entry: OrderEntry, { body, hash }: Ready, postOnly = false): Promise<string> {
  const call = entry.submit(body, { postOnly });
  if (!call.sent) return `not sent: ${call.code}`;
  const outcome = classifySubmit((await call.reply).reply, hash, "buy");
  return outcome.kind === "rejected" ? outcome.code : outcome.kind;
}

const plain = (desk: Desk) => desk.order(0.02, 60);
const maker = (desk: Desk) => desk.order(0.02, 60, { postOnly: true });

Deno.test("a restart stops orders until the venue's own time, then only post-only ones go for two minutes", async () => {
  await withDesk({}, async (desk) => {
    const modes: string[] = [];
    const entry = desk.open({ onMode: ({ mode }) => void modes.push(mode) });
    const early = plain(desk);
    assert.equal(await codeOf(entry, early), "accepted");
    await desk.control({ action: "mode", mode: "restart", seconds: 90 });
    assert.equal(await codeOf(entry, plain(desk)), "ENGINE_RESTART");
    assert.deepEqual([entry.mode.mode, entry.mode.until], ["restarting", desk.now() + 90_000]);
    assert.equal(await codeOf(entry, plain(desk)), "not sent: VENUE_RESTARTING");
    assert.equal((await entry.cancel([early.hash])).get(early.hash)?.kind, "unknown");
    desk.advance(90_000);
    assert.equal(entry.mode.mode, "normal");
    assert.equal(await codeOf(entry, plain(desk)), "POST_ONLY_MODE");
    assert.equal(entry.mode.mode, "post-only");
    assert.equal(await codeOf(entry, plain(desk)), "not sent: VENUE_POST_ONLY");
    assert.equal(await codeOf(entry, maker(desk), true), "accepted");
    assert.deepEqual((await entry.cancel([early.hash])).get(early.hash), { kind: "cancelled" });
    desk.advance(120_000);
    assert.equal(await codeOf(entry, plain(desk)), "accepted");
    assert.equal(entry.mode.mode, "normal");
    assert.deepEqual(modes, ["restarting", "post-only", "normal"]);
    assert.equal(entry.health().errorsLastMinute, 0, "an announced restart is no failure of the API");
  });
});

Deno.test("cancel-only and a halt are told apart by their texts; cancels are tried in both", async () => {
  await withDesk({}, async (desk) => {
    const { entry } = desk;
    const early = plain(desk);
    assert.equal(await codeOf(entry, early), "accepted");
    await desk.control({ action: "mode", mode: "cancel-only" });
    assert.equal(await codeOf(entry, plain(desk)), "CANCEL_ONLY");
    assert.equal(await codeOf(entry, maker(desk), true), "not sent: VENUE_CANCEL_ONLY");
    assert.deepEqual((await entry.cancel([early.hash])).get(early.hash), { kind: "cancelled" });
    await desk.control({ action: "mode", mode: "disabled" });
    desk.advance(30_000);
    assert.equal(await codeOf(entry, plain(desk)), "TRADING_DISABLED");
    assert.equal(await codeOf(entry, plain(desk)), "not sent: VENUE_HALTED");
    await assert.rejects(entry.cancelAll(), { status: 503 });
    await desk.control({ action: "mode", mode: "normal" });
    desk.advance(30_000);
    assert.equal(await codeOf(entry, plain(desk)), "accepted");
  });
});

Deno.test("sixty orders at once use the signer's burst; the next is kept back and goes a moment later", async () => {
  await withDesk({}, async (desk) => {
    const codes = [];
    for (let index = 0; index < 61; index++) codes.push(await codeOf(desk.entry, desk.order(0.02, 5)));
    assert.deepEqual([new Set(codes.slice(0, 60)), codes[60]], [
      new Set(["accepted"]),
      "not sent: ORDER_BUDGET_EMPTY",
    ]);
    assert.equal(desk.entry.mode.mode, "limited");
    const waitMs = desk.entry.mode.until! - desk.now();
    assert.ok(waitMs > 0 && waitMs <= 25, `${waitMs}`);
    desk.advance(waitMs);
    assert.equal(await codeOf(desk.entry, desk.order(0.02, 5)), "accepted");
  });
});

Deno.test("orders stop while a cancel-all of all that is open still has its tokens", async () => {
  await withDesk({}, async (desk) => {
    let open = 0;
    const entry = desk.open({ openOrders: () => open });
    for (;;) {
      const code = await codeOf(entry, desk.order(0.02, 5));
      if (code !== "accepted") {
        assert.equal(code, "not sent: ORDER_BUDGET_EMPTY");
        break;
      }
      open++;
      desk.advance(50);
    }
    assert.equal(open, 119);
    const { canceled } = await entry.cancelAll();
    assert.equal(canceled.length, 119);
  });
});

Deno.test("orders that are prepared together leave a cancel-all its tokens, all of them", async () => {
  await withDesk({}, async (desk) => {
    let open = 0;
    const entry = desk.open({ openOrders: () => open });
    const options = { postOnly: false };
    for (let refused = 0; refused === 0; desk.advance(250)) {
      const bodies = Array.from({ length: 5 }, () => desk.order(0.02, 5).body);
      // Rows are written once all are prepared: until then none of them is known to be open.
      const prepared = bodies.map((body, before) => entry.prepare!(body, { ...options, before }));
      for (const [i, one] of prepared.entries()) {
        if ("code" in one) refused++;
        else {
          const call = entry.submit(bodies[i]!, { ...options, prepared: one });
          assert.ok(call.sent && (await call.reply).reply?.status === 200);
          open++;
        }
      }
    }
    assert.equal(open, 119);
    assert.equal((await entry.cancelAll()).canceled.length, 119);
  });
});

Deno.test("another program's use of the signer's budget is seen in the venue's headers", async () => {
  await withDesk({}, async (desk) => {
    const other = desk.open();
    for (let index = 0; index < 58; index++) await codeOf(other, desk.order(0.02, 5));
    assert.equal(await codeOf(desk.entry, desk.order(0.02, 5)), "accepted");
    // Ours counts 59 tokens; the venue said that one is left.
    assert.equal(await codeOf(desk.entry, desk.order(0.02, 5)), "accepted");
    assert.equal(await codeOf(desk.entry, desk.order(0.02, 5)), "not sent: ORDER_BUDGET_EMPTY");
  });
});

Deno.test("429 with Retry-After holds orders back for so long and leaves cancels alone", async () => {
  const limited = answer(429, '{"error":"Too Many Requests"}', { "retry-after": "7" });
  await withScript(
    (line) => line.startsWith("POST") ? limited : answer(200, '{"canceled":[],"not_canceled":{}}'),
    async ({ entry, time, script }) => {
      const ready = { body: "{}", hash: "0x1" };
      assert.equal(await codeOf(entry, ready), "RATE_LIMITED");
      assert.deepEqual([entry.mode.mode, entry.mode.until], ["limited", time.at + 7000]);
      assert.equal(await codeOf(entry, ready), "not sent: VENUE_LIMITED");
      assert.deepEqual(await entry.cancelAll(), { canceled: [], notCanceled: {} });
      time.at += 6999;
      assert.equal(await codeOf(entry, ready), "not sent: VENUE_LIMITED");
      time.at += 1;
      assert.equal(await codeOf(entry, ready), "RATE_LIMITED");
      assert.deepEqual(script.seen, ["POST /order", "DELETE /cancel-all", "POST /order"]);
      assert.equal(entry.health().errorsLastMinute, 2);
    },
  );
});

Deno.test("429 to a cancel keeps cancels back, but never a cancel-all", async () => {
  const limited = answer(429, "{}", { "retry-after": "7", "poly-ratelimit-remaining": "0" });
  await withScript(() => limited, async ({ entry, script, time }) => {
    assert.equal((await entry.cancel(["0x1"])).get("0x1")?.kind, "unknown");
    const kept = (await entry.cancel(["0x2"])).get("0x2");
    assert.match(kept?.kind === "unknown" ? kept.reason : "", /^CANCEL_LIMITED/);
    await assert.rejects(entry.cancelMarket("0xc"), { code: "RATE_LIMITED" });
    await assert.rejects(entry.cancelAll(), { code: "RATE_LIMITED", status: 429 });
    time.at += 7000;
    await entry.cancel(["0x3"]);
    assert.deepEqual(script.seen, ["DELETE /order", "DELETE /cancel-all", "DELETE /order"]);
  });
});

Deno.test("429 to a cancel says nothing of orders while the venue names no empty budget", async () => {
  const limited = answer(429, "{}", { "retry-after": "7" });
  await withScript(() => limited, async ({ entry }) => {
    await entry.cancel(["0x1"]);
    assert.equal(entry.mode.mode, "normal");
  });
});

Deno.test("425 without Retry-After doubles its wait up to 30 s, once for orders under way together", async () => {
  await withScript(() => answer(425, '{"error":"service not ready"}'), async ({ entry, time }) => {
    const ready = { body: "{}", hash: "0x1" };
    const waits: number[] = [];
    for (let round = 0; round < 7; round++) {
      await Promise.all([codeOf(entry, ready), codeOf(entry, ready), codeOf(entry, ready)]);
      waits.push(entry.mode.until! - time.at);
      time.at = entry.mode.until!;
    }
    assert.deepEqual(waits, [1500, 3000, 6000, 12_000, 24_000, 30_000, 30_000]);
  });
});

Deno.test("the geoblock's page is a rejection of the order and an error to reads, and no mode", async () => {
  await withDesk({}, async (desk) => {
    await desk.control({ action: "geoblock", on: true });
    assert.equal(await codeOf(desk.entry, plain(desk)), "GEO_BLOCKED");
    await assert.rejects(desk.entry.apiKeys(), { code: "GEO_BLOCKED" });
    assert.equal(desk.entry.mode.mode, "normal");
    assert.equal(desk.entry.health().errorsLastMinute, 2);
  });
});

Deno.test("an order that times out at the venue is unknown, and its hash tells whether it landed", async () => {
  await withDesk({ entry: { deadlines: { submitMs: 600 } } }, async (desk) => {
    for (const landed of [true, false]) {
      await desk.control({ action: "order-timeout", landed, answer: "none", count: 1 });
      const ready = plain(desk);
      assert.equal(await codeOf(desk.entry, ready), "unknown");
      assert.equal((await desk.entry.lookup(ready.hash))?.found?.status, landed ? "live" : undefined);
      assert.equal(await codeOf(desk.entry, ready), landed ? "landed" : "accepted");
    }
  });
});

Deno.test("a storm of 503 shows in the kill switch's count and opens no mode", async () => {
  await withDesk({}, async (desk) => {
    await desk.control({ action: "errors", status: 503, share: 1, seconds: 30, scope: "orders" });
    for (let index = 0; index < 5; index++) assert.equal(await codeOf(desk.entry, plain(desk)), "unknown");
    assert.equal(desk.entry.health().errorsLastMinute, 5);
    assert.equal(desk.entry.mode.mode, "normal");
  });
});

Deno.test("a restart is understood from an answer that is cut off after its status", async () => {
  const cut: Act = { say: 'HTTP/1.1 425 Too Early\r\ncontent-length: 90\r\n\r\n{"err', then: "close" };
  await withScript(() => cut, async ({ entry }) => {
    const ready = { body: "{}", hash: "0x1" };
    assert.equal(await codeOf(entry, ready), "unknown");
    assert.equal(await codeOf(entry, ready), "not sent: VENUE_RESTARTING");
  });
});

Deno.test("the pool of order entry goes through a proxy, and a proxy that refuses us is named as such", async () => {
  const proxy = httpProxy({ username: "user", password: "secret-of-the-proxy" });
  try {
    await withDesk({}, async (desk) => {
      const entry = desk.open({ proxy: proxy.url.replace("//", "//user:secret-of-the-proxy@") });
      assert.equal(await entry.warm(), 3);
      assert.equal(await codeOf(entry, plain(desk)), "accepted");
      const refused = desk.open({ proxy: proxy.url, retries: 0 });
      await assert.rejects(refused.apiKeys(), { code: "PROXY_FAILED" });
      assert.equal(await codeOf(refused, plain(desk)), "unknown");
    });
  } finally {
    await proxy.close();
  }
});
