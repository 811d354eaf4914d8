/**
 * A flood of books from another process: 20,000 depth20 frames a second over four sockets' worth of streams, decoded, put into
 * the engine and its features. Asked is how old a frame is when the engine has acted on it (same machine, same clock), with
 * waiting frames replaced by newer ones and, in the same run, without.
 *
 * Run: deno task bench:burst [--seconds 8] [--rate 20000] [--json]
 * Exit 1 when, with replacing, the 99th percentile of the age is 20 ms or more.
 */
import { ExchangeModel } from "../core/exchange/exchange_model.ts";
import { ms } from "../core/units.ts";
import { defaultConfig } from "../commands/config/schema.ts";
import { SessionRecorder } from "../commands/trading/recorder.ts";
import { engineOptions, paperOptions } from "../commands/trading/settings.ts";
import { decodeBinanceFrame, newBinanceState } from "../feeds/binance/codec.ts";
import { wholeBinanceBook } from "../feeds/binance/session.ts";
import { Inbox } from "../feeds/net/inbox.ts";
import { newSink } from "../feeds/net/sink.ts";

const STREAMS = ["btcusdt", "ethusdt", "solusdt", "xrpusdt"];
const LEVELS = 20;
const MOST_AGE_MS = 20;
const TICK_MS = 2;

const numberAfter = (flag: string, fallback: number): number => {
  const at = Deno.args.indexOf(flag);
  return at < 0 ? fallback : Number(Deno.args[at + 1]);
};
const seconds = numberAfter("--seconds", 8);
const rate = numberAfter("--rate", 20_000);
const wallMs = (): number => performance.timeOrigin + performance.now();

/** The flood: as many frames as are due, each stamped with the time to the microsecond in a field nobody else reads. */
function serveFlood(): void {
  const side = (from: number, step: number) =>
    Array.from(
      { length: LEVELS },
      (_, i) => `["${(from + step * i).toFixed(2)}","${(1 + i / 10).toFixed(3)}"]`,
    ).join();
  const body = `"b":[${side(91_000, -0.1)}],"a":[${side(91_000.1, 0.1)}]`;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { response, socket } = Deno.upgradeWebSocket(request);
    let timer: ReturnType<typeof setInterval> | undefined;
    socket.onopen = () => {
      const began = wallMs();
      let sent = 0;
      timer = setInterval(() => {
        const due = Math.floor((wallMs() - began) * rate / 1000);
        for (; sent < due; sent++) {
          const at = wallMs();
          const [stream, whole] = [STREAMS[sent % STREAMS.length], Math.floor(at)];
          socket.send(
            `{"stream":"${stream}@depth20@100ms","data":{"e":"depthUpdate","E":${whole},"T":${whole},` +
              `"s":"${stream!.toUpperCase()}","U":${sent},"u":${sent + 1},"pu":${sent - 1},${body},"at":${
                at.toFixed(3)
              }}}`,
          );
        }
      }, TICK_MS);
    };
    socket.onclose = () => clearInterval(timer);
    return response;
  });
  console.log(String(server.addr.port));
}

interface Figures {
  readonly replacing: boolean;
  readonly received: number;
  readonly actedOn: number;
  readonly leftOut: number;
  readonly ageMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Longest queue of ours. */
  readonly waiting: number;
}

async function listen(port: string, replacing: boolean): Promise<Figures> {
  const config = defaultConfig();
  const recorder = new SessionRecorder({
    engine: engineOptions(config, { strategy: "fair-value", seed: 1, stops: false }),
    exchange: new ExchangeModel(paperOptions(config)),
    monotonicUs: () => performance.now() * 1000,
  });
  const inbox = new Inbox({
    monotonicUs: () => performance.now() * 1000,
    later: (work) => void setTimeout(work, 0),
    ...(replacing ? {} : { maxBooks: Infinity, maxJobs: Infinity }),
  });
  const state = newBinanceState();
  const sink = newSink();
  const ages: number[] = [];
  let [received, waiting] = [0, 0];
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  socket.onmessage = ({ data }) => {
    received++;
    const text = data as string;
    const stream = replacing ? wholeBinanceBook(text) : null;
    const tReceive = ms(Math.floor(wallMs()));
    inbox.push({
      book: true,
      ...(stream === null ? {} : { replaces: stream }),
      run: () => {
        decodeBinanceFrame(text, "binance-futures", tReceive, state, sink);
        const { events } = sink;
        sink.events = [];
        recorder.frame(events, inbox.receivedUs);
        ages.push(wallMs() - Number(text.slice(text.lastIndexOf(":") + 1, -2)));
      },
    });
    waiting = Math.max(waiting, inbox.waiting);
  };
  await new Promise((open) => socket.onopen = open);
  await new Promise((next) => setTimeout(next, 1000));
  // The first second warms the compiler.
  const before = { received, acted: ages.length, shed: inbox.shed };
  ages.length = 0;
  await new Promise((next) => setTimeout(next, seconds * 1000));
  socket.onmessage = null;
  inbox.close();
  socket.close();
  const sorted = ages.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]! * 100) / 100;
  return {
    replacing,
    received: Math.round((received - before.received) / seconds),
    actedOn: Math.round(sorted.length / seconds),
    leftOut: Math.round((inbox.shed - before.shed) / seconds),
    ageMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    waiting,
  };
}

if (Deno.args.includes("--serve")) serveFlood();
else {
  const flood = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--no-check", import.meta.url, "--serve", "--rate", String(rate)],
    stdout: "piped",
  }).spawn();
  const { value } = await flood.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
  const port = (value ?? "").trim();
  const rows = [await listen(port, false), await listen(port, true)];
  flood.kill();
  if (Deno.args.includes("--json")) console.log(JSON.stringify({ rate, seconds, rows }));
  else console.table(rows.map(({ ageMs, ...row }) => ({ ...row, ...ageMs })));
  Deno.exit(rows[1]!.ageMs.p99 < MOST_AGE_MS ? 0 : 1);
}
