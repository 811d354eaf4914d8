/**
 * The sender of frames of `bench/wire.ts`: a process of its own that stands between the engine and the simulated venue's feeds.
 * What the venue sends goes on at once and says when; between its frames, for a burst, the newest one of each
 * stream is told again and again, `--rate` times a second over all (0: not at all): whole books of the fast market (depth20, best
 * prices) with ids and times counted on, and, for `--deltas` of them, `price_change` frames, whose levels say what the book
 * already holds.
 *
 * A frame is made when it is due, also when the engine does not read: then it waits here, and its age says so. What would lie
 * deeper than 4 MB, where a venue gives up on a slow reader, is left out and counted.
 *
 * Run by the bench: `wire_flood.ts --venue PORT --rate N --deltas SHARE --ahead MS` (venue time minus wall time). The port comes
 * on stdout; a line on stdin is answered with the counts; ends with stdin.
 */
import { frameOf, RawSocket, serveSockets } from "./wire_socket.ts";
import { STAMP_CHARS, stamped, stampText, wallMs } from "./wire_stamp.ts";

const TICK_MS = 1;
const SLOW_BYTES = 4 * 1024 * 1024;
/** A burst after a pause of this process makes up for so much, ms: beyond it the pause is our own and not the engine's. */
const MAX_DEBT_MS = 50;

const numberAfter = (flag: string): number => {
  const value = Number(Deno.args[Deno.args.indexOf(flag) + 1]);
  if (!Number.isFinite(value)) throw new Error(`${flag} wants a number`);
  return value;
};
const venue = numberAfter("--venue");
const rate = numberAfter("--rate");
const deltaShare = numberAfter("--deltas");
const aheadMs = numberAfter("--ahead");

/** A frame as bytes, and where in them the numbers stand that count on. */
interface Template {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ids: readonly { readonly at: number; readonly less: number }[];
  readonly idChars: number;
  readonly times: readonly number[];
  readonly stampAt: number;
}

const encoder = new TextEncoder();

/** Frames are ASCII: a place in the text is a place in the bytes. */
function templateOf(text: string): Template {
  const whole = stamped(text, wallMs());
  const { bytes, begin } = frameOf(encoder.encode(whole));
  const placesOf = (name: string): number[] => {
    const found = whole.indexOf(`"${name}":`);
    return found < 0 || whole[found + name.length + 3] === '"' ? [] : [begin + found + name.length + 3];
  };
  const ids = [["U", 0], ["u", 0], ["pu", 1]] as const;
  return {
    bytes,
    ids: ids.flatMap(([name, less]) => placesOf(name).map((at) => ({ at, less }))),
    idChars: /"u":(\d+)/.exec(whole)?.[1]?.length ?? 0,
    times: [...placesOf("E"), ...placesOf("T")],
    stampAt: begin + whole.length - 1 - STAMP_CHARS,
  };
}

function writeDigits(into: Uint8Array, at: number, chars: number, value: number): void {
  let left = value;
  for (let i = at + chars - 1; i >= at; i--) {
    const rest = Math.floor(left / 10);
    into[i] = 48 + left - rest * 10;
    left = rest;
  }
}

/** What is told again on one connection. */
class Burst {
  sent = 0;
  unsent = 0;
  readonly beganMs = wallMs();
  private readonly streams = new Map<string, { template: Template; id: number }>();
  private order: string[] = [];
  private due = 0;
  private turn = 0;
  private lastMs = wallMs();
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly socket: RawSocket, private readonly perSecond: number) {
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** The newest frame of a stream; it leaves now, in line with those told again. */
  set(stream: string, text: string): void {
    const template = templateOf(text);
    const known = this.streams.get(stream);
    if (known === undefined) {
      this.streams.set(stream, { template, id: Number(/"u":(\d+)/.exec(text)?.[1] ?? 0) });
      this.order.push(stream);
    } else known.template = template;
    this.socket.bytes(this.batch([stream]));
  }

  forget(wanted: (stream: string) => boolean): void {
    this.order = this.order.filter((stream) => !wanted(stream) || !this.streams.delete(stream));
  }

  close(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    const now = wallMs();
    this.due = Math.min(
      this.due + (now - this.lastMs) * this.perSecond / 1000,
      this.perSecond * MAX_DEBT_MS / 1000,
    );
    this.lastMs = now;
    const count = Math.floor(this.due);
    if (count === 0 || this.order.length === 0) return;
    this.due -= count;
    if (this.socket.waiting > SLOW_BYTES) {
      this.unsent += count;
      return;
    }
    const turns: string[] = [];
    for (let i = 0; i < count; i++) turns.push(this.order[this.turn++ % this.order.length]!);
    this.socket.bytes(this.batch(turns));
    this.sent += count;
  }

  private batch(turns: readonly string[]): Uint8Array {
    let length = 0;
    for (const stream of turns) length += this.streams.get(stream)!.template.bytes.length;
    const into = new Uint8Array(length);
    const now = wallMs();
    const stamp = encoder.encode(stampText(now));
    const time = encoder.encode(String(Math.floor(now + aheadMs)));
    let at = 0;
    for (const stream of turns) {
      const one = this.streams.get(stream)!;
      const { bytes, idChars, ids, stampAt, times } = one.template;
      into.set(bytes, at);
      into.set(stamp, at + stampAt);
      if (ids.length > 0) {
        one.id++;
        for (const id of ids) writeDigits(into, at + id.at, idChars, one.id - id.less);
        for (const place of times) into.set(time, at + place);
      }
      at += bytes.length;
    }
    return into;
  }
}

const bursts = new Set<Burst>();
const sockets = new Set<RawSocket>();

/** The venue's frame as ours: into the burst, or on as it is. */
type Take = (text: string, burst: Burst) => boolean;

const takeBook: Take = (text, burst) => {
  const stream = /^\{"stream":"([^"]+@(?:depth20|bookTicker)[^"]*)"/.exec(text)?.[1];
  if (stream === undefined) return false;
  burst.set(stream, text);
  return true;
};

const takeChange: Take = (text, burst) => {
  const market = /^\{"event_type":"(\w+)","market":"([^"]+)"/.exec(text);
  if (market === null) return false;
  const [, type, name] = market;
  // Its levels hold until the tick changes: then the book is told anew.
  if (type === "tick_size_change") burst.forget((stream) => stream.startsWith(`${name} `));
  if (type !== "price_change") return false;
  burst.forget((stream) => stream.startsWith(`${name} `));
  burst.set(`${name} ${[...text.matchAll(/"asset_id":"(\d+)"/g)].map(([, token]) => token).join()}`, text);
  return true;
};

function pass(path: string, socket: RawSocket): void {
  const take = path.startsWith("/binance-futures/public")
    ? takeBook
    : path.startsWith("/ws/market")
    ? takeChange
    : null;
  const burst = take === null
    ? null
    : new Burst(socket, rate * (take === takeChange ? deltaShare : 1 - deltaShare));
  const upstream = new WebSocket(`ws://127.0.0.1:${venue}${path}`);
  const early: string[] = [];
  upstream.onopen = () => early.splice(0).forEach((text) => upstream.send(text));
  upstream.onmessage = ({ data }) => {
    const text = String(data);
    if (burst === null || take?.(text, burst) !== true) socket.text(stamped(text, wallMs()));
  };
  upstream.onclose = upstream.onerror = () => socket.end();
  socket.onText = (text) => {
    if (text.includes('"unsubscribe"')) {
      const tokens = [...text.matchAll(/"(\d{20,})"/g)].map(([, token]) => token!);
      burst?.forget((stream) => tokens.some((token) => stream.includes(token)));
    }
    if (upstream.readyState === WebSocket.OPEN) upstream.send(text);
    else early.push(text);
  };
  sockets.add(socket);
  if (burst !== null) bursts.add(burst);
  socket.onEnd = () => {
    burst?.close();
    if (upstream.readyState <= WebSocket.OPEN) upstream.close();
  };
}

const listener = serveSockets(pass);
console.log(JSON.stringify({ port: (listener.addr as Deno.NetAddr).port }));
for await (const _line of Deno.stdin.readable) {
  const all = [...bursts];
  console.log(JSON.stringify({
    atMs: wallMs(),
    sent: all.reduce((sum, burst) => sum + burst.sent, 0),
    unsent: all.reduce((sum, burst) => sum + burst.unsent, 0),
    heldMs: Math.max(0, ...[...sockets].map((socket) => socket.heldMs)),
  }));
  // The next answer tells of what follows.
  for (const socket of sockets) socket.heldMs = 0;
}
Deno.exit(0);
