import assert from "node:assert/strict";
import { type CancelJob, cancelOrders } from "../../../commands/trading/cancel_orders.ts";
import type { Ms } from "../../../core/units.ts";
import { HttpError } from "../../../feeds/net/http.ts";
import type { ListedOrder } from "../../../feeds/polymarket/order_entry/types.ts";

const order = (hash: string, conditionId = "0xc0"): ListedOrder => ({
  hash,
  conditionId,
  token: "1",
  side: "buy",
  status: "live",
  originalSize: 5_000_000,
  matchedSize: 0,
  price: 5_000,
  outcome: "Up",
  orderType: "GTC",
  createdAtMs: null,
  tradeIds: [],
});

const status = (code: number, retryAfterMs: number | null = null) =>
  new HttpError("HTTP_STATUS", `status is ${code}`, { status: code, retryAfterMs });

/** A venue of orders; `faults` are thrown first, one a call. */
function venue(orders: ListedOrder[], faults: (HttpError | null)[] = []) {
  const open = new Map(orders.map((row) => [row.hash, row]));
  const slept: number[] = [];
  const notes: string[] = [];
  const stubborn = new Map<string, string>();
  let at = 0;
  const fault = () => {
    const next = faults.shift();
    if (next !== undefined && next !== null) throw next;
  };
  const cancel = (rows: ListedOrder[]) => {
    const gone = rows.filter(({ hash }) => !stubborn.has(hash));
    for (const { hash } of gone) open.delete(hash);
    const kept = rows.filter(({ hash }) => stubborn.has(hash));
    return {
      canceled: gone.map(({ hash }) => hash),
      notCanceled: Object.fromEntries(kept.map(({ hash }) => [hash, stubborn.get(hash) ?? ""])),
    };
  };
  const job = (more: Partial<CancelJob> = {}): CancelJob => ({
    entry: {
      cancelAll: () => Promise.try(() => (fault(), cancel([...open.values()]))),
      cancelMarket: (id) =>
        Promise.try(() => (fault(), cancel([...open.values()].filter((row) => row.conditionId === id)))),
      openOrders: () => Promise.try(() => (fault(), { askedAt: 0 as Ms, rows: [...open.values()] })),
    },
    clock: {
      now: () => at as Ms,
      sleep(span) {
        slept.push(span);
        at += span;
        return Promise.resolve();
      },
    },
    forMs: 300_000,
    signal: new AbortController().signal,
    wanted: null,
    onProgress: (_done, _total, note) => notes.push(note),
    ...more,
  });
  return { open, slept, notes, stubborn, job };
}

Deno.test("all orders go in one round, and the empty list proves it", async () => {
  const { job, slept } = venue([order("0xa"), order("0xb")]);
  assert.deepEqual(await cancelOrders(job()), {
    canceled: ["0xa", "0xb"],
    notCanceled: {},
    openAfter: 0,
    left: [],
    trouble: null,
  });
  assert.deepEqual(slept, []);
});

Deno.test("a restarting venue is asked again after the wait it names, at most ten seconds, and told of", async () => {
  const { job, notes, slept } = venue([order("0xa")], [status(425, 30_000), status(425, 2_000), null]);
  const result = await cancelOrders(job());
  assert.equal(result.openAfter, 0);
  assert.equal(result.trouble, null);
  assert.deepEqual(slept, [10_000, 2_000]);
  assert.match(notes[0] ?? "", /restarts its engine; again in 10\.0 s/);
});

Deno.test("a restart of four minutes is waited for; one that is longer than asked for is not, after a last try", async () => {
  const restart = (attempts: number) => Array.from({ length: attempts }, () => status(425, 10_000));
  const long = venue([order("0xa")], restart(25));
  assert.equal((await cancelOrders(long.job())).openAfter, 0);
  const short = venue([order("0xa")], restart(25));
  const result = await cancelOrders(short.job({ forMs: 25_000 }));
  assert.deepEqual([result.openAfter, result.trouble], [null, "the venue restarts its engine"]);
  assert.deepEqual(short.slept, [10_000, 10_000, 5_000]);
});

Deno.test("an order that is not cancelled is named with the venue's reason when the time is over", async () => {
  const { job, slept, stubborn } = venue([order("0xa"), order("0xb")]);
  stubborn.set("0xb", "Order already matched");
  const result = await cancelOrders(job({ forMs: 1_500 }));
  assert.deepEqual([result.canceled, result.notCanceled, result.openAfter, result.left], [
    ["0xa"],
    { "0xb": "Order already matched" },
    1,
    ["0xb"],
  ]);
  assert.deepEqual(slept, [500, 1_000]);
});

Deno.test("orders that another process places meanwhile are cancelled in the next round", async () => {
  const { job, open } = venue([order("0xa")]);
  const made = job();
  let late = 2;
  const { openOrders } = made.entry;
  const entry = {
    ...made.entry,
    openOrders: () => {
      if (late-- > 0) open.set(`0xlate${late}`, order(`0xlate${late}`));
      return openOrders();
    },
  };
  const result = await cancelOrders({ ...made, entry });
  assert.equal(result.openAfter, 0);
  assert.deepEqual([...result.canceled].sort(), ["0xa", "0xlate0", "0xlate1"]);
});

Deno.test("only the windows that are meant: other orders stay and do not count", async () => {
  const { job, open } = venue([order("0xa", "0xbtc"), order("0xb", "0xeth"), order("0xc", "0xbtc")]);
  const asked: string[] = [];
  const result = await cancelOrders(job({
    wanted: (id) => (asked.push(id), Promise.resolve(id === "0xbtc")),
  }));
  assert.deepEqual([result.canceled, result.openAfter], [["0xa", "0xc"], 0]);
  assert.deepEqual([...open.keys()], ["0xb"]);
  assert.deepEqual(asked, ["0xbtc", "0xeth", "0xeth"], "each once a listing");
});

Deno.test("a list that cannot be read proves nothing", async () => {
  const broken = new HttpError("SNAPSHOT_INCOMPLETE", "a row cannot be read");
  const { job } = venue([order("0xa")], [null, broken, null, broken]);
  const result = await cancelOrders(job({ forMs: 400 }));
  assert.deepEqual([result.openAfter, result.canceled, result.trouble], [null, ["0xa"], broken.message]);
});

Deno.test("a refused login ends it at once", async () => {
  const { job, slept } = venue([order("0xa")], [status(401)]);
  await assert.rejects(cancelOrders(job()), (error) => error instanceof HttpError && error.status === 401);
  assert.deepEqual(slept, []);
});

Deno.test("a signal ends it between rounds", async () => {
  const stop = new AbortController();
  const { job } = venue([order("0xa")], [status(503), status(503)]);
  const clock = {
    now: () => 0 as Ms,
    sleep: () => {
      stop.abort(new DOMException("stopped", "AbortError"));
      return Promise.resolve();
    },
  };
  await assert.rejects(cancelOrders(job({ signal: stop.signal, clock })), { name: "AbortError" });
});
