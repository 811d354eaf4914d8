/**
 * How soon an order's bytes are at the other end of a loopback connection, counted from the call that sends them: order
 * entry's own wire (fetch with a body that is never repeated), fetch with a text body, and a raw connection that we write
 * ourselves. The server runs in a thread of its own. `busy` keeps this thread at work for 2 ms after the call, as a caller
 * would that goes on computing: fetch writes when the turn of the event loop ends, a raw connection at once.
 *
 * Run: deno task bench:order-entry [--json] [--tls CERT KEY]
 * Exit 1 when the wire needs 150 us more than the raw connection at the median.
 */
import { l2Signer } from "../feeds/polymarket/signing/login.ts";
import { openWire } from "../feeds/polymarket/order_entry/wire.ts";
import { wallClock } from "../feeds/clock.ts";
import { secret } from "../feeds/keys/secret.ts";
import type { Network } from "../feeds/net/network.ts";

const CALLS = 1200;
const WARM_UP = 200;
const ROUNDS = 3;
const MOST_EXTRA_US = 150;
const BODY = JSON.stringify({ order: "x".repeat(900) });

const tls = Deno.args.indexOf("--tls");
const [cert, key] = tls < 0
  ? [null, null]
  : [1, 2].map((offset) => Deno.readTextFileSync(Deno.args[tls + offset] ?? ""));

const worker = new Worker(new URL("./order_entry_server.ts", import.meta.url).href, { type: "module" });
let next = Promise.withResolvers<{ readonly port?: number; readonly at?: number }>();
worker.onmessage = (event) => {
  const waiting = next;
  next = Promise.withResolvers();
  waiting.resolve(event.data);
};
worker.postMessage({ cert: cert ?? null, key: key ?? null });
const { port } = await next.promise;
const name = cert === null ? "127.0.0.1" : "localhost";
const base = `http${cert === null ? "" : "s"}://${name}:${port}`;
const caCerts = cert === null || cert === undefined ? [] : [cert];

const client = Deno.createHttpClient({ http2: false, poolMaxIdlePerHost: 4, caCerts });
const network: Network = {
  fetch: (url, init) => fetch(url, { ...init, client }),
  openSocket: (url) => new WebSocket(url),
  close: () => client.close(),
};
const signer = l2Signer("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", {
  apiKey: secret("00000000-0000-0000-0000-000000000001"),
  secret: secret("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"),
  passphrase: secret("0".repeat(64)),
});
const wire = openWire({ base, network, clock: wallClock(), signer });
const headers = () => ({
  ...signer.headers({ method: "POST", path: "/order", body: BODY, timestampS: 1_795_000_000 }),
  "content-type": "application/json",
  "user-agent": "bench",
});
const conn = cert === null || cert === undefined
  ? await Deno.connect({ hostname: name, port: port! })
  : await Deno.connectTls({ hostname: name, port: port!, caCerts });
if ("setNoDelay" in conn) conn.setNoDelay(true);
const encoder = new TextEncoder();
const buffer = new Uint8Array(4096);

const SUBJECTS: Readonly<Record<string, () => Promise<unknown>>> = {
  "order entry": () => wire.start({ method: "POST", path: "/order", body: BODY, deadlineMs: 5000 }).end,
  "fetch, text body": async () => {
    const init = { method: "POST", body: BODY, headers: headers() };
    await (await network.fetch(`${base}/order`, init)).text();
  },
  "raw connection": async () => {
    const lines = Object.entries(headers()).map(([title, value]) => `${title}: ${value}\r\n`).join("");
    const head =
      `POST /order HTTP/1.1\r\nhost: ${name}:${port}\r\n${lines}content-length: ${BODY.length}\r\n\r\n`;
    await conn.write(encoder.encode(head + BODY));
    await conn.read(buffer);
  },
};

const wallMs = () => performance.timeOrigin + performance.now();

async function once(send: () => Promise<unknown>, busyMs: number): Promise<number> {
  const arrival = next.promise;
  const started = wallMs();
  const done = send();
  while (wallMs() - started < busyMs);
  await done;
  const { at } = await arrival;
  return (at! - started) * 1000;
}

const percentile = (times: readonly number[], share: number) =>
  Math.round(times.toSorted((a, b) => a - b)[Math.floor(times.length * share)]!);

const rows: { subject: string; busyMs: number; p50Us: number; p99Us: number }[] = [];
for (const busyMs of [0, 2]) {
  const times = new Map(Object.keys(SUBJECTS).map((subject) => [subject, [] as number[]]));
  const calls = busyMs === 0 ? CALLS : CALLS / 4;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [subject, send] of Object.entries(SUBJECTS)) {
      for (let call = 0; call < WARM_UP; call++) await once(send, 0);
      for (let call = 0; call < calls; call++) times.get(subject)!.push(await once(send, busyMs));
    }
  }
  for (const [subject, list] of times) {
    rows.push({ subject, busyMs, p50Us: percentile(list, 0.5), p99Us: percentile(list, 0.99) });
  }
}
if (Deno.args.includes("--json")) console.log(JSON.stringify(rows));
else console.table(rows);
const p50Of = (subject: string) => rows.find((row) => row.subject === subject && row.busyMs === 0)!.p50Us;
const extraUs = p50Of("order entry") - p50Of("raw connection");
conn.close();
wire.close();
client.close();
worker.terminate();
if (extraUs > MOST_EXTRA_US) {
  console.error(`order entry needs ${extraUs} us more than a raw connection`);
  Deno.exit(1);
}
