/** The frames of the throughput bench: recorded ones with their ids counted on, and a minute of the simulated venue's. */
import { startVenue } from "../fixtures/venue/venue.ts";
import { simProfile } from "../feeds/venue_profile.ts";
import { futuresUrl } from "../feeds/binance/routes.ts";

export type FrameKind =
  | "depth20"
  | "depth diff"
  | "bookTicker"
  | "aggTrade"
  | "markPrice"
  | "kline"
  | "price_change";
export interface FrameSet {
  readonly name: string;
  readonly kind: FrameKind;
  readonly frames: readonly string[];
}

const COUNT = 3000;
const folder = new URL("../fixtures/frames/", import.meta.url);
const read = (name: string): string => Deno.readTextFileSync(new URL(name, folder));

interface Frame {
  readonly stream: string;
  readonly data: Record<string, unknown>;
}

/** One recorded frame many times: ids and times count on, so that nobody takes it for a copy. */
function repeated(file: string, stream: RegExp): string[] {
  const recorded = (JSON.parse(read(file)) as { frame: Frame }[]).map((one) => one.frame);
  const frame = recorded.find((one) => stream.test(one.stream ?? ""));
  if (frame === undefined) throw new Error(`fixtures/frames/${file} has no ${stream}`);
  const step = (value: unknown, by: number) => typeof value === "number" ? value + by : value;
  return Array.from({ length: COUNT }, (_, i) => {
    const data: Record<string, unknown> = { ...frame.data };
    for (const key of ["E", "T", "a", "u", "U", "pu", "f", "l"]) {
      if (typeof data[key] === "number") data[key] = step(data[key], i);
    }
    return JSON.stringify({ ...frame, data });
  });
}

export function recordedFrames(): FrameSet[] {
  const change = read("polymarket-market.jsonl").split("\n").find((line) => line.includes('"price_change"'));
  if (change === undefined) throw new Error("fixtures/frames/polymarket-market.jsonl has no price_change");
  return [
    { name: "recorded depth20", kind: "depth20", frames: repeated("binance-usdm-depth20.json", /@depth20/) },
    {
      name: "recorded bookTicker",
      kind: "bookTicker",
      frames: repeated("binance-usdm-bookTicker.json", /@bookTicker/),
    },
    {
      name: "recorded aggTrade",
      kind: "aggTrade",
      frames: repeated("binance-usdm-aggTrade.json", /@aggTrade/),
    },
    {
      name: "recorded markPrice",
      kind: "markPrice",
      frames: repeated("binance-usdm-markPriceUpdate.json", /@markPrice/),
    },
    { name: "recorded price_change", kind: "price_change", frames: Array<string>(COUNT).fill(change) },
  ];
}

const WANTED: Readonly<Partial<Record<FrameKind, string>>> = {
  "depth20": "btcusdt@depth20@100ms",
  "depth diff": "btcusdt@depth@100ms",
  "bookTicker": "btcusdt@bookTicker",
  "aggTrade": "btcusdt@aggTrade",
  "kline": "btcusdt@kline_1m",
};
const MIN_FRAMES = 300;
const LIMIT_MS = 20_000;

/** Frames of the simulated venue, seed 7, as its sockets deliver them; at most COUNT a kind. */
export async function generatedFrames(): Promise<FrameSet[]> {
  const startMs = Date.UTC(2026, 10, 21, 9, 30);
  const venue = await startVenue({ seed: 7, speed: 60, startMs, assets: ["btc"], durations: ["5m"] });
  const { futuresSocket } = simProfile(venue.port);
  const byStream = new Map<string, string[]>(Object.values(WANTED).map((stream) => [stream, []]));
  const sockets = [["depth20", "depth diff", "bookTicker"], ["aggTrade", "kline"]].map((kinds) =>
    new WebSocket(futuresUrl(futuresSocket, kinds.map((kind) => WANTED[kind as FrameKind]!)))
  );
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, LIMIT_MS);
      for (const socket of sockets) {
        socket.onerror = () => reject(new Error("the simulated venue refused a socket"));
        socket.onmessage = ({ data }) => {
          const stream = /^\{"stream":"([^"]+)"/.exec(String(data))?.[1] ?? "";
          const frames = byStream.get(stream);
          if (frames !== undefined && frames.length < COUNT) frames.push(String(data));
          if ([...byStream.values()].every((of) => of.length >= MIN_FRAMES * 3)) {
            clearTimeout(timer);
            resolve();
          }
        };
      }
    });
  } finally {
    for (const socket of sockets) socket.close();
    await venue.close();
  }
  return Object.entries(WANTED).map(([kind, stream]) => {
    const frames = byStream.get(stream) ?? [];
    if (frames.length < MIN_FRAMES) {
      throw new Error(`the simulated venue sent only ${frames.length} of ${stream}`);
    }
    return { name: `generated ${kind}`, kind: kind as FrameKind, frames };
  });
}
