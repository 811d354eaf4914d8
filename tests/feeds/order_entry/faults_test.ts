/** What a connection and a server may do wrong: nothing is sent twice, nothing is taken for an answer that is none. */
import assert from "node:assert/strict";
import { classifySubmit } from "../../../core/orders/lifecycle_reply.ts";
import { openNetwork } from "../../../feeds/net/network.ts";
import type { OrderEntry } from "../../../feeds/polymarket/order_entry/types.ts";
import { type Act, answer, TLS, withScript } from "./desk.ts";

const HASH = `0x${"ab".repeat(32)}`;
const OTHER = `0x${"cd".repeat(32)}`;
const TAKEN = answer(200, `{"success":true,"errorMsg":"","orderID":"${HASH}","status":"live"}`);
const ONCE = { retries: 0 };
/** For answers that never come. */
const SHORT = { deadlines: { submitMs: 150, cancelMs: 150, readMs: 150, beatMs: 150 }, retries: 0 };

async function submit(entry: OrderEntry) {
  const call = entry.submit('{"order":{}}', { postOnly: false });
  assert.ok(call.sent);
  const { reply, stamps } = await call.reply;
  return { outcome: classifySubmit(reply, HASH, "buy"), stamps };
}

const TROUBLES: readonly (readonly [string, Act])[] = [
  ["no answer", "hang"],
  ["a reset", "reset"],
  ["half an answer", {
    say: 'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"success":true,"errorMsg":"","orderID"',
    then: "close",
  }],
  ["half an answer of a refusal", {
    say: 'HTTP/1.1 400 X\r\ncontent-length: 500\r\n\r\n{"error":"not enough balance / allow',
    then: "close",
  }],
  ["an answer that ends no more", {
    say: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"a":\r\n',
  }],
  ["noise", { say: "\u0000\u0001 SSH-2.0-x\r\n\r\n", then: "close" }],
  ["more than four megabytes", answer(200, "x".repeat(4_000_001))],
];

for (const [name, act] of TROUBLES) {
  Deno.test(`after ${name} a submit and a cancel are unknown, and neither is sent again`, async () => {
    await withScript(() => act, async ({ entry, script }) => {
      const { outcome, stamps } = await submit(entry);
      assert.deepEqual([outcome.kind, outcome.kind === "unknown" && outcome.code], [
        "unknown",
        "NO_RESPONSE",
      ]);
      assert.equal(stamps.doneUs, null);
      assert.ok(stamps.writtenUs! >= stamps.startUs);
      assert.deepEqual((await entry.cancel([HASH])).get(HASH), { kind: "unknown", reason: "no response" });
      await assert.rejects(entry.cancelAll());
      assert.equal(await entry.lookup(HASH), null);
      await assert.rejects(entry.openOrders(), { name: "HttpError" });
      assert.equal((await entry.heartbeat("")).kind, "failed");
      assert.deepEqual(script.seen.map((line) => line.split("?")[0]), [
        "POST /order",
        "DELETE /order",
        "DELETE /cancel-all",
        `GET /data/order/${HASH}`,
        "GET /data/orders",
        "POST /v1/heartbeats",
      ]);
      assert.equal(entry.health().errorsLastMinute, 6);
    }, SHORT);
  });
}

Deno.test("200 with HTML, half a JSON text or another shape leaves a submit unknown", async () => {
  for (const body of ["<html>ok</html>", '{"success":true', "[]", "{}", "null", "7"]) {
    await withScript(() => answer(200, body), async ({ entry }) => {
      assert.equal((await submit(entry)).outcome.kind, "unknown", body);
      assert.equal((await entry.cancel([HASH, OTHER])).get(OTHER)?.kind, "unknown", body);
      await assert.rejects(entry.cancelAll(), { code: "BAD_JSON" });
      assert.equal(await entry.lookup(HASH), null, body);
      await assert.rejects(entry.openOrders(), { code: "SNAPSHOT_INCOMPLETE" }, body);
      await assert.rejects(entry.collateral(), { code: "BAD_JSON" }, body);
      await assert.rejects(entry.apiKeys(), { code: "BAD_JSON" }, body);
      await assert.rejects(entry.closedOnly(), { code: "BAD_JSON" }, body);
      assert.equal((await entry.heartbeat("")).kind, "failed");
    }, ONCE);
  }
});

for (const way of ["connections of its own", "fetch, as through a proxy"]) {
  Deno.test(`an order on a connection that dies under it is not sent on another one: ${way}`, async () => {
    const network = way.startsWith("fetch") ? openNetwork(null, { maxIdlePerHost: 4 }) : undefined;
    const act = (line: string): Act => line === "GET /time" ? answer(200, "1") : "reset";
    await withScript(act, async ({ entry, script }) => {
      for (let round = 0; round < 5; round++) {
        assert.equal(await entry.warm(), 3);
        assert.equal((await submit(entry)).outcome.kind, "unknown");
        assert.equal((await entry.cancel([HASH])).get(HASH)?.kind, "unknown");
      }
      const sent = script.seen.filter((line) => line !== "GET /time");
      assert.deepEqual(sent, Array.from({ length: 5 }, () => ["POST /order", "DELETE /order"]).flat());
    }, { ...ONCE, ...(network === undefined ? {} : { network }) });
    network?.close();
  });
}

Deno.test("an order does not take a connection that the venue closed while it was idle", async () => {
  await withScript((line) => line === "GET /time" ? answer(200, "1") : TAKEN, async ({ entry, script }) => {
    for (let round = 1; round <= 5; round++) {
      assert.equal(await entry.warm(), 3);
      const opened = script.connections();
      script.drop();
      // Opened again in the background, by nobody's request.
      while (script.connections() < opened + 3) await new Promise((resolve) => setTimeout(resolve, 1));
      assert.equal((await submit(entry)).outcome.kind, "accepted");
      assert.equal(script.seen.filter((line) => line === "POST /order").length, round);
    }
  }, ONCE);
});

Deno.test("an order that finds no venue is said not to have been sent, and has no instant of writing", async () => {
  await withScript(() => "hang", async ({ entry, script }) => {
    await script.close();
    const { outcome, stamps } = await submit(entry);
    assert.deepEqual([outcome.kind, stamps.writtenUs, stamps.doneUs], ["unknown", null, null]);
    await assert.rejects(entry.apiKeys(), {
      code: "NETWORK",
      message:
        /^Cannot finish GET \/auth\/api-keys: no connection to 127\.0\.0\.1:\d+: .*; nothing was sent$/,
    });
  }, ONCE);
});

Deno.test("after a deadline the connection is gone, and its late answer with it", async () => {
  const lines: string[] = [];
  await withScript(
    (line) => (lines.push(line), lines.length === 1 ? "hang" : answer(200, "[]")),
    async ({ entry, script }) => {
      await assert.rejects(entry.apiKeys(), {
        code: "TIMEOUT",
        message: "Cannot finish GET /auth/api-keys within 150 ms",
      });
      await assert.rejects(entry.closedOnly(), { code: "BAD_JSON" });
      assert.equal(script.connections(), 2);
    },
    SHORT,
  );
});

Deno.test("over TLS orders go the same way, and not to a venue whose certificate is not trusted", async () => {
  await withScript(
    (line) => line === "GET /time" ? answer(200, "1") : TAKEN,
    async ({ entry, open, script }) => {
      assert.equal(await entry.warm(), 3);
      const ends = await Promise.all([submit(entry), submit(entry), submit(entry)]);
      assert.deepEqual(ends.map(({ outcome }) => outcome.kind), ["accepted", "accepted", "accepted"]);
      assert.equal(script.connections(), 3);
      const strange = open({ caCerts: [] });
      assert.equal((await submit(strange)).stamps.writtenUs, null);
      assert.equal(script.seen.filter((line) => line === "POST /order").length, 3);
    },
    { retries: 0, caCerts: [TLS.cert] },
    TLS,
  );
});

Deno.test("a redirect of an order is not followed", async () => {
  const away = answer(307, "", { location: "/elsewhere" });
  await withScript(() => away, async ({ entry, script }) => {
    assert.equal((await submit(entry)).outcome.kind, "unknown");
    assert.deepEqual(script.seen, ["POST /order"]);
  });
});

Deno.test("a read is repeated after 500 and a reset, within its bound, and waits in venue time", async () => {
  const script: Act[] = [answer(500, '{"error":"x"}'), "reset", answer(200, '{"apiKeys":["a"]}')];
  let asked = 0;
  await withScript(() => script[asked++] ?? "reset", async ({ entry, time }) => {
    const before = time.at;
    assert.deepEqual(await entry.apiKeys(), ["a"]);
    assert.ok(time.at > before && time.at - before < 2_000);
    assert.equal(asked, 3);
  }, { retries: 2 });
  asked = 0;
  await withScript(() => (asked++, answer(503, '{"error":"x"}')), async ({ entry }) => {
    await assert.rejects(entry.apiKeys(), { code: "HTTP_STATUS", status: 503 });
    assert.equal(asked, 3);
  }, { retries: 2 });
});

Deno.test("404 is 'not found' only in the venue's own words and when the list agrees", async () => {
  const absent = answer(404, '{"error":"Order not found"}');
  const empty = answer(200, '{"limit":100,"count":0,"next_cursor":"LTE=","data":[]}');
  const cases: readonly (readonly [Act, Act, "absent" | "unknown" | "found"])[] = [
    [absent, empty, "absent"],
    [absent, answer(500, "{}"), "unknown"],
    [absent, answer(200, "[]"), "unknown"],
    [absent, answer(200, `{"next_cursor":"LTE=","data":[{"id":"${HASH}","status":"LIVE"}]}`), "found"],
    [answer(404, "<html>404</html>"), empty, "unknown"],
    [answer(404, '{"error":"route not found"}'), empty, "unknown"],
    [answer(200, `{"id":"${OTHER}","status":"LIVE"}`), empty, "unknown"],
    [answer(200, `{"id":"${HASH}","status":"ORDER_STATUS_LIVE","size_matched":"1"}`), empty, "found"],
  ];
  for (const [first, second, expected] of cases) {
    await withScript((line) => line.includes("?id=") ? second : first, async ({ entry }) => {
      const read = await entry.lookup(HASH);
      const got = read === null ? "unknown" : read.found === null ? "absent" : "found";
      assert.equal(got, expected);
    }, ONCE);
  }
});

const ROW = (id: string) =>
  `{"id":"${id}","status":"LIVE","market":"0xc","asset_id":"1","side":"BUY","original_size":"5","size_matched":"0",` +
  `"price":"0.5","outcome":"Up","order_type":"GTC","associate_trades":[],"created_at":1703875200}`;
const page = (rows: readonly string[], next: string | null) =>
  answer(
    200,
    `{"limit":100,"count":${rows.length},${
      next === null ? "" : `"next_cursor":"${next}",`
    }"data":[${rows.join()}]}`,
  );

Deno.test("a listing that lies about its pages is no listing", async () => {
  const lies: readonly (readonly [string, (cursor: string, count: number) => Act])[] = [
    ["goes in a circle", (_cursor, count) => page([ROW(HASH)], count % 2 === 0 ? "QQ==" : "Qg==")],
    ["repeats the first cursor", () => page([ROW(HASH)], "MA==")],
    ["has no end", (_cursor, count) => page([], btoa(String(count)))],
    ["names no cursor", () => page([ROW(HASH)], null)],
    ["names an empty cursor", () => page([ROW(HASH)], "")],
    ["has a row without a side", () => page([ROW(HASH).replace('"BUY"', '""')], "LTE=")],
    ["is an array", () => answer(200, `[${ROW(HASH)}]`)],
  ];
  for (const [name, lie] of lies) {
    let count = 0;
    await withScript(
      (line) => lie(/next_cursor=([^&]*)/.exec(line)?.[1] ?? "", ++count),
      async ({ entry }) => {
        await assert.rejects(entry.openOrders(), { code: "SNAPSHOT_INCOMPLETE" }, name);
        assert.equal(count, name === "has no end" ? 50 : name === "goes in a circle" ? 3 : 1, name);
      },
      ONCE,
    );
  }
});

Deno.test("a page that fails in the middle fails the listing; rows told twice count once", async () => {
  await withScript(
    (line) => line.includes("MA%3D%3D") ? page([ROW(HASH)], "MQ==") : answer(500, "{}"),
    async ({ entry }) => void await assert.rejects(entry.openOrders(), { status: 500 }),
    ONCE,
  );
  await withScript(
    (line) => line.includes("MA%3D%3D") ? page([ROW(HASH)], "MQ==") : page([ROW(HASH), ROW(OTHER)], "LTE="),
    async ({ entry, time }) => {
      const { askedAt, rows } = await entry.openOrders();
      assert.deepEqual([askedAt, rows.map(({ hash }) => hash)], [time.at, [HASH, OTHER]]);
    },
    ONCE,
  );
});

Deno.test("a hash given twice is cancelled once, and several go in one request", async () => {
  const reply = answer(200, `{"canceled":["${HASH}"],"not_canceled":{"${OTHER}":"Order not found"}}`);
  await withScript(() => reply, async ({ entry, script }) => {
    const outcomes = await entry.cancel([HASH, OTHER, HASH]);
    assert.deepEqual([...outcomes], [
      [HASH, { kind: "cancelled" }],
      [OTHER, { kind: "refused", reason: "Order not found" }],
    ]);
    assert.deepEqual([script.seen, script.bodies], [["DELETE /orders"], [JSON.stringify([HASH, OTHER])]]);
    assert.equal((await entry.cancel([])).size, 0);
    assert.equal(script.seen.length, 1);
  });
});

Deno.test("warm() opens the wanted connections and later orders use them", async () => {
  await withScript((line) => line === "GET /time" ? answer(200, "1") : TAKEN, async ({ entry, script }) => {
    assert.equal(await entry.warm(), 3);
    assert.equal(script.connections(), 3);
    await Promise.all([submit(entry), submit(entry), submit(entry)]);
    assert.equal(script.connections(), 3);
  });
});

Deno.test("idle connections are kept alive without being asked", async () => {
  const beats = Promise.withResolvers<void>();
  let times = 0;
  await withScript(
    (line) => {
      if (line === "GET /time" && ++times === 2) beats.resolve();
      return answer(200, "1");
    },
    async () => await beats.promise,
    { connections: 1, keepAliveMs: 20 },
  );
});

Deno.test("keeping alive takes one connection at a time: an order finds the others idle", async () => {
  const asked = Promise.withResolvers<void>();
  const decide = (line: string): Act => {
    if (line !== "GET /time") return TAKEN;
    asked.resolve();
    return "hang";
  };
  await withScript(decide, async ({ entry, script }) => {
    await asked.promise;
    assert.equal((await submit(entry)).outcome.kind, "accepted");
    assert.deepEqual([script.seen, script.connections()], [["GET /time", "POST /order"], 3]);
  }, { keepAliveMs: 20 });
});

Deno.test("close() ends what is under way, and what comes later is not sent", async () => {
  await withScript(() => "hang", async ({ entry, script }) => {
    const call = entry.submit("{}", { postOnly: false });
    assert.ok(call.sent);
    const read = assert.rejects(entry.apiKeys(), { code: "ABORTED" });
    await entry.close();
    assert.equal((await call.reply).reply, null);
    await read;
    const later = entry.submit("{}", { postOnly: false });
    assert.deepEqual([later.sent, !later.sent && later.code], [false, "ORDER_ENTRY_CLOSED"]);
    assert.equal((await entry.cancel([HASH])).get(HASH)?.kind, "unknown");
    await assert.rejects(entry.cancelAll(), { code: "ABORTED" });
    assert.equal(await entry.warm(), 0);
    assert.equal(entry.health().errorsLastMinute, 0);
    assert.ok(script.seen.length <= 2);
  });
});
