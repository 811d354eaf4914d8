/**
 * How soon an order's bytes are at the other end of a loopback connection, counted from the call that sends them, and when
 * that call returns: order entry's own wire, the same over fetch (Blob body: never repeated) as it goes through a proxy,
 * fetch with a text body, and a raw connection written here. The server runs in a thread of its own. Every way computes the
 * login of each order. `busy` keeps this thread at work for 2 ms after the call, as a caller would that goes on computing.
 *
 * Run: deno task bench:order-entry [--json] [--tls] [--gap MS]
 * With --gap one order goes every MS milliseconds, each way in turn: caches are cold, as they are in life.
 * Exit 1 when the wire needs 100 us more than the raw connection at the median.
 */
import { wallClock } from "../feeds/clock.ts";
import { secret } from "../feeds/keys/secret.ts";
import { openDirectPool } from "../feeds/net/direct/pool.ts";
import { openWire } from "../feeds/polymarket/order_entry/wire.ts";
import { fetchTransport } from "../feeds/polymarket/order_entry/fetch_transport.ts";
import { l2Signer } from "../feeds/polymarket/signing/login.ts";

const CALLS = 1200;
const WARM_UP = 200;
const ROUNDS = 3;
/** Of each way in a run with pauses. */
const GAP_CALLS = 200;
const MOST_EXTRA_US = 100;
const BODY = JSON.stringify({ order: "x".repeat(900) });

const fixture = (name: string) => Deno.readTextFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));
const tls = Deno.args.includes("--tls")
  ? { cert: fixture("localhost.crt"), key: fixture("localhost.key") }
  : null;
const gapAt = Deno.args.indexOf("--gap");
const gapMs = gapAt < 0 ? 0 : Number(Deno.args[gapAt + 1]);
if (!(gapMs >= 0 && gapMs <= 10_000)) throw new Error("Cannot pause as --gap says: give milliseconds");

const worker = new Worker(new URL("./order_entry_server.ts", import.meta.url).href, { type: "module" });
let next = Promise.withResolvers<{ readonly port?: number; readonly at?: number }>();
worker.onmessage = (event) => {
  const waiting = next;
  next = Promise.withResolvers();
  waiting.resolve(event.data);
};
worker.postMessage({ cert: tls?.cert ?? null, key: tls?.key ?? null });
const { port } = await next.promise;
const hostname = tls === null ? "127.0.0.1" : "localhost";
const base = `http${tls === null ? "" : "s"}://${hostname}:${port}`;
const caCerts = tls === null ? [] : [tls.cert];

const clock = wallClock();
const signer = l2Signer("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", {
  apiKey: secret("00000000-0000-0000-0000-000000000001"),
  secret: secret("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"),
  passphrase: secret("0".repeat(64)),
});
const common = {
  base,
  headers: { accept: "application/json", "user-agent": "bench" },
  monotonicUs: () => clock.monotonicUs(),
  maxBytes: 100_000,
};
const pool = openDirectPool({ ...common, random: Math.random, connections: 3, maxIdle: 4, caCerts });
const client = Deno.createHttpClient({ http2: false, poolMaxIdlePerHost: 4, caCerts });
const overFetch = fetchTransport({
  ...common,
  network: { fetch: (url, init) => fetch(url, { ...init, client }) },
});
const order = { method: "POST", path: "/order", body: BODY, deadlineMs: 5000 } as const;
const wire = openWire({ transport: pool, clock, signer });
const slowWire = openWire({ transport: overFetch, clock, signer });
const headers = () => ({
  ...signer.headers({
    method: "POST",
    path: "/order",
    body: BODY,
    timestampS: Math.floor(clock.now() / 1000),
  }),
  "content-type": "application/json",
  ...common.headers,
});
const conn = tls === null
  ? await Deno.connect({ hostname, port: port! })
  : await Deno.connectTls({ hostname, port: port!, caCerts });
if ("setNoDelay" in conn) conn.setNoDelay();
const encoder = new TextEncoder();
const buffer = new Uint8Array(4096);

const SUBJECTS: Readonly<Record<string, () => Promise<unknown>>> = {
  "order entry": () => wire.start(order).end,
  "fetch, Blob body": () => slowWire.start(order).end,
  "fetch, text body": async () => {
    const init = { method: "POST", body: BODY, headers: headers(), client };
    await (await fetch(`${base}/order`, init)).text();
  },
  "raw connection": async () => {
    const lines = Object.entries(headers()).map(([title, value]) => `${title}: ${value}\r\n`).join("");
    const head =
      `POST /order HTTP/1.1\r\nhost: ${hostname}:${port}\r\n${lines}content-length: ${BODY.length}\r\n\r\n`;
    await conn.write(encoder.encode(head + BODY));
    await conn.read(buffer);
  },
};

const wallMs = () => performance.timeOrigin + performance.now();

interface Times {
  readonly back: number[];
  readonly there: number[];
}

async function once(send: () => Promise<unknown>, busyMs: number, into: Times | null): Promise<void> {
  const arrival = next.promise;
  const started = wallMs();
  const done = send();
  const back = wallMs();
  while (wallMs() - started < busyMs);
  await done;
  const { at } = await arrival;
  into?.back.push((back - started) * 1000);
  into?.there.push((at! - started) * 1000);
}

const percentile = (times: readonly number[], share: number) =>
  Math.round(times.toSorted((a, b) => a - b)[Math.floor(times.length * share)]!);

async function measure(busyMs: number): Promise<Map<string, Times>> {
  const times = new Map(Object.keys(SUBJECTS).map((subject) => [subject, { back: [], there: [] } as Times]));
  if (gapMs > 0) {
    for (let call = 0; call < GAP_CALLS; call++) {
      for (const [subject, send] of Object.entries(SUBJECTS)) {
        await new Promise((resolve) => setTimeout(resolve, gapMs));
        await once(send, busyMs, times.get(subject)!);
      }
    }
    return times;
  }
  const calls = busyMs === 0 ? CALLS : CALLS / 4;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [subject, send] of Object.entries(SUBJECTS)) {
      for (let call = 0; call < WARM_UP; call++) await once(send, 0, null);
      for (let call = 0; call < calls; call++) await once(send, busyMs, times.get(subject)!);
    }
  }
  return times;
}

interface Row {
  readonly subject: string;
  readonly gapMs: number;
  readonly busyMs: number;
  readonly returnedP50Us: number;
  readonly arrivedP50Us: number;
  readonly arrivedP99Us: number;
}

const rows: Row[] = [];
for (const busyMs of gapMs > 0 ? [0] : [0, 2]) {
  for (const [subject, { back, there }] of await measure(busyMs)) {
    rows.push({
      subject,
      gapMs,
      busyMs,
      returnedP50Us: percentile(back, 0.5),
      arrivedP50Us: percentile(there, 0.5),
      arrivedP99Us: percentile(there, 0.99),
    });
  }
}
if (Deno.args.includes("--json")) console.log(JSON.stringify(rows));
else console.table(rows);
const p50Of = (subject: string) =>
  rows.find((row) => row.subject === subject && row.busyMs === 0)!.arrivedP50Us;
const extraUs = p50Of("order entry") - p50Of("raw connection");
conn.close();
wire.close();
await pool.close();
client.close();
worker.terminate();
if (extraUs > MOST_EXTRA_US) {
  console.error(`order entry needs ${extraUs} us more than a raw connection`);
  Deno.exit(1);
}
