/** Order entry of one of the simulated venue's accounts, on the venue's hand-driven clock; and a server that follows a script. */
import type { Clock } from "../../../feeds/clock.ts";
import { secret } from "../../../feeds/keys/secret.ts";
import type { FeedLog } from "../../../feeds/net/feed_context.ts";
import { openOrderEntry, type OrderEntryOptions } from "../../../feeds/polymarket/order_entry/order_entry.ts";
import type { OrderEntry } from "../../../feeds/polymarket/order_entry/types.ts";
import { type ApiSecrets, l2Signer } from "../../../feeds/polymarket/signing/login.ts";
import { ms } from "../../../core/units.ts";
import type { VenueOptions } from "../../../fixtures/venue/venue.ts";
import { bodyOf, ownerOf, type RawOrder, signOrder } from "../../venue/raw.ts";
import { type Floor, type KeyIndex, type Market, withFloor } from "../../venue/stage.ts";

export const SILENT: FeedLog = { debug: () => {}, info: () => {}, warn: () => {} };

/** Venue time of `now`; sleeping moves it on at once. */
export function clockOf(now: () => number, advance: (byMs: number) => void = () => {}): Clock {
  return {
    now: () => ms(now()),
    monotonicUs: () => performance.now() * 1000,
    speed: 1,
    sleep(duration, signal) {
      if (signal?.aborted === true) return Promise.reject(signal.reason);
      advance(duration);
      return Promise.resolve();
    },
  };
}

export interface Ready {
  /** Body of POST /order and the hash it will have. */
  readonly body: string;
  readonly hash: string;
}

export interface Desk extends Floor {
  readonly entry: OrderEntry;
  readonly market5m: Market;
  readonly secrets: ApiSecrets;
  readonly apiKey: string;
  readonly clock: Clock;
  /** A purchase of Up: `size` shares at `price`. */
  order(
    price: number,
    size: number,
    more?: Partial<RawOrder> & { orderType?: string; postOnly?: boolean },
  ): Ready;
  open(more?: Partial<OrderEntryOptions>): OrderEntry;
}

export async function withDesk(
  options: Partial<VenueOptions> & { readonly key?: KeyIndex; readonly entry?: Partial<OrderEntryOptions> },
  act: (desk: Desk) => Promise<void>,
): Promise<void> {
  const { key = 0, entry: entryOptions, ...venue } = options;
  await withFloor(venue, async (floor) => {
    const { creds } = await floor.client(key);
    const { key: apiKey, secret: apiSecret, passphrase } = creds!;
    const secrets = {
      apiKey: secret(apiKey),
      secret: secret(apiSecret),
      passphrase: secret(passphrase),
    };
    const clock = clockOf(floor.now, floor.advance);
    const opened: OrderEntry[] = [];
    const open = (more: Partial<OrderEntryOptions> = {}) => {
      const entry = openOrderEntry({
        profile: { clob: floor.http },
        clock,
        random: () => 0.5,
        log: SILENT,
        signer: l2Signer(ownerOf(key), secrets),
        signatureType: key,
        openOrders: () => 0,
        keepAliveMs: null,
        ...entryOptions,
        ...more,
      });
      opened.push(entry);
      return entry;
    };
    const market5m = await floor.market();
    try {
      await act({
        ...floor,
        entry: open(),
        market5m,
        secrets,
        apiKey,
        clock,
        open,
        order(price, size, more = {}) {
          const { orderType, postOnly, ...raw } = more;
          const signed = signOrder({
            key,
            token: market5m.up,
            maker: String(Math.round(price * size * 1e6)),
            taker: String(Math.round(size * 1e6)),
            ...raw,
          });
          const envelope = {
            owner: apiKey,
            ...(orderType === undefined ? {} : { orderType }),
            ...(postOnly === undefined ? {} : { postOnly }),
          };
          return { body: JSON.stringify(bodyOf(signed, envelope)), hash: signed.id.toLowerCase() };
        },
      });
    } finally {
      for (const entry of opened) await entry.close();
    }
  });
}

/** What a scripted server does with one request. */
export type Act =
  | { readonly say: string | Uint8Array; readonly then?: "keep" | "close" }
  | "reset"
  | "hang";

export interface Script {
  readonly http: string;
  /** First lines of the requests, in order. */
  readonly seen: string[];
  readonly bodies: string[];
  /** Connections accepted. */
  connections(): number;
  /** Closes those that are open. */
  drop(): void;
  close(): Promise<void>;
}

const encoder = new TextEncoder();

/** An HTTP/1.1 answer. */
export function answer(status: number, body: string, headers: Record<string, string> = {}): Act {
  const lines = Object.entries({ "content-type": "application/json", ...headers }).map(([k, v]) =>
    `${k}: ${v}`
  );
  const length = encoder.encode(body).byteLength;
  return {
    say: `HTTP/1.1 ${status} X\r\n${lines.join("\r\n")}\r\ncontent-length: ${length}\r\n\r\n${body}`,
  };
}

/** The public test certificate of localhost. */
export const TLS = {
  cert: Deno.readTextFileSync(new URL("../../../fixtures/tls/localhost.crt", import.meta.url)),
  key: Deno.readTextFileSync(new URL("../../../fixtures/tls/localhost.key", import.meta.url)),
};

function tryClose(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}

/** A raw TCP or TLS server: `decide` gets each request's first line and body. */
export function scripted(
  decide: (line: string, body: string) => Act,
  tls: (typeof TLS & { readonly alpnProtocols?: string[] }) | null = null,
): Script {
  const where = { hostname: "127.0.0.1", port: 0 };
  const listener: Deno.Listener = tls === null ? Deno.listen(where) : Deno.listenTls({ ...where, ...tls });
  const seen: string[] = [];
  const bodies: string[] = [];
  const open = new Set<Deno.Conn>();
  let connections = 0;
  let closed = false;
  const serve = async (conn: Deno.Conn) => {
    connections++;
    open.add(conn);
    const buffer = new Uint8Array(65_536);
    let text = "";
    try {
      for (;;) {
        const count = await conn.read(buffer);
        if (count === null) return;
        text += new TextDecoder().decode(buffer.subarray(0, count));
        const head = text.indexOf("\r\n\r\n");
        if (head < 0) continue;
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
        if (text.length < head + 4 + length) continue;
        const line = text.slice(0, text.indexOf("\r\n")).replace(" HTTP/1.1", "");
        const body = text.slice(head + 4);
        text = "";
        seen.push(line);
        bodies.push(body);
        const act = decide(line, body);
        if (act === "reset") return;
        if (act === "hang") continue;
        let rest = typeof act.say === "string" ? encoder.encode(act.say) : act.say;
        while (rest.byteLength > 0) rest = rest.subarray(await conn.write(rest));
        if (act.then === "close") return;
      }
    } catch {
      // The client went away: that is what these tests make it do.
    } finally {
      open.delete(conn);
      tryClose(conn);
    }
  };
  const drop = () => {
    for (const conn of open) tryClose(conn);
    open.clear();
  };
  const running: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) running.push(serve(conn));
  })();
  return {
    http: `http${tls === null ? "" : "s"}://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    seen,
    bodies,
    connections: () => connections,
    drop,
    async close() {
      if (closed) return;
      closed = true;
      listener.close();
      drop();
      await Promise.allSettled([accepting, ...running]);
    },
  };
}

/** Order entry against a script, on a clock that stands until it is moved. */
export async function withScript(
  decide: (line: string, body: string) => Act,
  act: (
    desk: {
      readonly entry: OrderEntry;
      readonly script: Script;
      readonly time: { at: number };
      open(more: Partial<OrderEntryOptions>): OrderEntry;
    },
  ) => Promise<void>,
  more: Partial<OrderEntryOptions> = {},
  tls: typeof TLS | null = null,
): Promise<void> {
  const script = scripted(decide, tls);
  const time = { at: 1_795_000_000_000 };
  const opened: OrderEntry[] = [];
  const open = (own: Partial<OrderEntryOptions>) => {
    const entry = openOrderEntry({
      profile: { clob: script.http },
      clock: clockOf(() => time.at, (byMs) => void (time.at += byMs)),
      random: () => 0.5,
      log: SILENT,
      signer: l2Signer("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", {
        apiKey: secret("key"),
        secret: secret("c2VjcmV0"),
        passphrase: secret("pass"),
      }),
      signatureType: 0,
      openOrders: () => 0,
      keepAliveMs: null,
      ...more,
      ...own,
    });
    opened.push(entry);
    return entry;
  };
  try {
    await act({ entry: open({}), script, time, open });
  } finally {
    for (const entry of opened) await entry.close();
    await script.close();
  }
}
