/** The smallest venue that `openLive` can run against: real sockets on loopback, everything scripted. */
import { parseSlug } from "../../core/market/window.ts";
import type { Clock } from "../../feeds/clock.ts";
import { simProfile, type VenueProfile } from "../../feeds/venue_profile.ts";
import { recordedFrames } from "./frames.ts";
import { clobMarket, gammaEvent, gammaMarket } from "./polymarket/listings.ts";

export const CREDENTIALS = { apiKey: "key", secret: "secret", passphrase: "phrase" };
/** Seconds after a window's end at which it is closed. */
const CLOSES_AFTER_MS = 20_000;

interface Listed {
  readonly conditionId: string;
  readonly up: string;
  readonly down: string;
  readonly endMs: number;
}

/** Ids made from the window's start. */
export function listed(slug: string): Listed {
  const window = parseSlug(slug)!;
  const start = String(window.startMs / 1000);
  return {
    conditionId: `0x${start.padStart(64, "0")}`,
    up: `1${start}`,
    down: `2${start}`,
    endMs: window.endMs,
  };
}

const iso = (ms: number) => new Date(ms).toISOString().replace(".000Z", "Z");

export class MiniVenue {
  readonly profile: VenueProfile;
  /** Text frames received on the market socket with the venue time of their arrival. */
  readonly marketSent: { readonly text: string; readonly atMs: number }[] = [];
  /** Slugs the venue does not list. */
  readonly absent = new Set<string>();
  /** Slugs at which the venue fails. */
  readonly broken = new Set<string>();
  /** The market socket sends changes and no snapshots. */
  withholdsDumps = false;
  /** Books are given over REST although the socket sends snapshots. */
  givesBooks = false;
  /** Books given over REST. */
  booksServed = 0;
  private readonly marketSockets = new Set<WebSocket>();
  private readonly server: Deno.HttpServer<Deno.NetAddr>;
  private readonly sockets = new Set<WebSocket>();
  private readonly timers = new Set<ReturnType<typeof setInterval>>();

  constructor(private readonly clock: Clock) {
    this.server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (r) => this.answer(r));
    this.profile = simProfile(this.server.addr.port);
  }

  async close(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    for (const socket of this.sockets) if (socket.readyState <= WebSocket.OPEN) socket.close();
    await this.server.shutdown();
  }

  private book(token: string) {
    return {
      event_type: "book",
      market: "0xC",
      asset_id: token,
      timestamp: String(this.clock.now()),
      bids: [{ price: "0.49", size: "100" }],
      asks: [{ price: "0.51", size: "100" }],
      tick_size: "0.01",
    };
  }

  /** Many changes of one token at once. */
  floodMarket(token: string, count: number): void {
    const row = {
      asset_id: token,
      price: "0.49",
      size: "120",
      side: "BUY",
      best_bid: "0.49",
      best_ask: "0.51",
    };
    const text = JSON.stringify({
      ...{ event_type: "price_change", market: "0xF", timestamp: String(this.clock.now()) },
      price_changes: [row],
    });
    for (const socket of this.marketSockets) for (let i = 0; i < count; i++) socket.send(text);
  }

  /** Ends every market socket, as a restart of the venue does. */
  dropMarketSockets(): void {
    for (const socket of this.marketSockets) socket.close(1001, "restart");
    this.marketSockets.clear();
  }

  private answer(request: Request): Response {
    const url = new URL(request.url);
    const path = url.pathname;
    if (path.startsWith("/gamma/events/slug/")) return this.event(path.slice("/gamma/events/slug/".length));
    if (path.startsWith("/clob/clob-markets/")) {
      return this.clobMarket(path.slice("/clob/clob-markets/".length));
    }
    if (path.startsWith("/clob/markets/")) return this.longMarket(path.slice("/clob/markets/".length));
    if (path === "/clob/book" && (this.withholdsDumps || this.givesBooks)) {
      this.booksServed++;
      return Response.json(this.book(url.searchParams.get("token_id") ?? ""));
    }
    if (path.endsWith("/klines")) return Response.json(this.klines(Number(url.searchParams.get("limit"))));
    if (path.startsWith("/binance-futures/")) return new Response("restricted location", { status: 451 });
    if (path === "/ws/market") return this.socket(request, (s) => this.market(s));
    if (path === "/polybolt/ws") return this.socket(request, (s) => this.prices(s));
    if (path === "/binance-spot/stream") return this.socket(request, (s) => this.spot(s));
    return Response.json({ error: "not found" }, { status: 404 });
  }

  private event(slug: string): Response {
    if (this.broken.has(slug)) return new Response("internal", { status: 500 });
    if (parseSlug(slug) === null || this.absent.has(slug)) return Response.json({}, { status: 404 });
    const window = parseSlug(slug)!;
    const ids = listed(slug);
    const closed = this.clock.now() >= window.endMs + CLOSES_AFTER_MS;
    const market = gammaMarket({
      slug,
      conditionId: ids.conditionId,
      clobTokenIds: JSON.stringify([ids.up, ids.down]),
      eventStartTime: iso(window.startMs),
      endDate: iso(window.endMs),
      closed,
      outcomePrices: closed ? '["1", "0"]' : '["0.5", "0.5"]',
    });
    return Response.json(gammaEvent(market, { slug, startTime: iso(window.startMs) }));
  }

  private clobMarket(conditionId: string): Response {
    const start = String(Number(conditionId.slice(2)));
    return Response.json(
      clobMarket({ c: conditionId, t: [{ t: `1${start}`, o: "Up" }, { t: `2${start}`, o: "Down" }] }),
    );
  }

  private longMarket(conditionId: string): Response {
    const endMs = (Number(conditionId.slice(2)) + 300) * 1000;
    const winner = this.clock.now() >= endMs + CLOSES_AFTER_MS;
    const token = (outcome: string, won: boolean) => ({ token_id: "1", outcome, winner: won });
    return Response.json({ closed: winner, tokens: [token("Up", winner), token("Down", false)] });
  }

  private klines(limit: number): unknown[] {
    const now = Math.floor(this.clock.now() / 60_000) * 60_000;
    return Array.from({ length: limit }, (_, i) => {
      const open = now - (limit - 1 - i) * 60_000;
      return [open, "100.0", "101.0", "99.0", "100.5", "3.5", open + 59_999, "0", 1, "0", "0", "0"];
    });
  }

  private socket(request: Request, behave: (socket: WebSocket) => void): Response {
    const { response, socket } = Deno.upgradeWebSocket(request);
    this.sockets.add(socket);
    socket.onerror = () => {};
    behave(socket);
    return response;
  }

  /** Repeats until the socket closes. */
  private every(wallMs: number, socket: WebSocket, work: () => void): void {
    const timer = setInterval(
      () => socket.readyState === WebSocket.OPEN ? work() : clearInterval(timer),
      wallMs,
    );
    this.timers.add(timer);
  }

  private market(socket: WebSocket): void {
    this.marketSockets.add(socket);
    const tokens = new Set<string>();
    const now = () => String(this.clock.now());
    const send = (value: unknown) => socket.send(JSON.stringify(value));
    socket.onmessage = (message) => {
      const text = String(message.data);
      this.marketSent.push({ text, atMs: this.clock.now() });
      if (text === "PING") return socket.send("PONG");
      const { assets_ids, operation } = JSON.parse(text) as { assets_ids: string[]; operation?: string };
      if (operation === "unsubscribe") return assets_ids.forEach((token) => tokens.delete(token));
      for (const token of assets_ids) tokens.add(token);
      if (!this.withholdsDumps) send(assets_ids.map((token) => this.book(token)));
    };
    this.every(15, socket, () => {
      const price_changes = [...tokens].map((asset_id) => ({
        asset_id,
        price: "0.49",
        size: "120",
        side: "BUY",
        best_bid: "0.49",
        best_ask: "0.51",
      }));
      send({ event_type: "price_change", market: "0xC", timestamp: now(), price_changes });
    });
  }

  private prices(socket: WebSocket): void {
    const send = (value: unknown) => socket.send(JSON.stringify(value));
    const seq = new Map<string, number>();
    const frame = (channel: string, payload: Record<string, unknown>, more: Record<string, unknown> = {}) => {
      seq.set(channel, (seq.get(channel) ?? 0) + 1);
      send({
        v: 1,
        channel,
        seq: seq.get(channel),
        ts: this.clock.now(),
        ...more,
        payload: { symbol: "btcusd", ...payload },
      });
    };
    const row = (timestamp: number) => ({
      timestamp,
      value: 1,
      full_accuracy_value: `84561.${timestamp / 1000 % 1000}`,
    });
    const twap = { window_seconds: 60, source: "chainlink" };
    let last = 0;
    socket.onmessage = (message) => {
      const request = JSON.parse(String(message.data)) as { op: string; auth?: unknown; rid: string };
      if (request.op === "auth") {
        const good = JSON.stringify(request.auth) === JSON.stringify(CREDENTIALS);
        return send(
          good ? { op: "authed", rid: request.rid } : { op: "error", rid: request.rid, code: "auth_invalid" },
        );
      }
      last = Math.floor(this.clock.now() / 1000) * 1000;
      const history = Array.from({ length: 120 }, (_, i) => row(last - (119 - i) * 1000));
      frame("price.crypto.twap", { ...twap, data: history }, { snapshot: true });
      frame("price.crypto", { provider: "chainlink", data: history }, { snapshot: true });
    };
    this.every(10, socket, () => {
      for (; last > 0 && last + 1000 <= this.clock.now(); last += 1000) {
        frame("price.crypto.twap", { ...twap, ...row(last + 1000) });
        frame("price.crypto", { provider: "chainlink", ...row(last + 1000) });
      }
    });
  }

  private spot(socket: WebSocket): void {
    const depth = JSON.parse(recordedFrames("binance-usdm-depth20.json")[0]!).data;
    let id = 1;
    this.every(15, socket, () => {
      const at = this.clock.now();
      const send = (stream: string, data: unknown) => socket.send(JSON.stringify({ stream, data }));
      send("btcusdt@depth20@100ms", { lastUpdateId: id, bids: depth.b, asks: depth.a });
      send("btcusdt@bookTicker", { u: id, s: "BTCUSDT", b: "100.1", B: "1", a: "100.2", A: "1" });
      send("btcusdt@aggTrade", {
        e: "aggTrade",
        E: at,
        s: "BTCUSDT",
        a: id++,
        p: "100.1",
        q: "1",
        T: at,
        m: true,
      });
    });
  }
}
