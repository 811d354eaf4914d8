/** The live codecs for raw frames on a tape: a replayed frame becomes the same events as it did on the socket. */
import type { FeedName, MarketEvent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";
import { decodeBinanceFrame, newBinanceState } from "../binance/codec.ts";
import { decodeDeribitFrame, newDeribitState } from "../deribit/codec.ts";
import { type DecodeSink, newSink } from "../net/sink.ts";
import { decodeMarketFrame } from "../polymarket/market_codec.ts";
import { decodePolyboltFrame, newPolyboltState } from "../polymarket/polybolt_codec.ts";
import { decodeRtdsFrame } from "../polymarket/rtds_codec.ts";
import type { DecodeFrame } from "./reader.ts";

export interface TapeDecoder {
  readonly decode: DecodeFrame;
  /** What the codecs counted over all frames so far; `events` is empty between calls. */
  readonly counts: DecodeSink;
}

/** A decoder with the state of one tape (sequence numbers, prints already seen). */
export function tapeDecoder(): TapeDecoder {
  const sink = newSink();
  // One state per socket, as live: futures and spot count their trades apart.
  const futuresPublic = newBinanceState();
  const futuresMarket = newBinanceState();
  const spot = newBinanceState();
  const prices = newPolyboltState();
  const volatility = newDeribitState();
  const run = (feed: FeedName, raw: string, tReceive: Ms): void => {
    switch (feed) {
      case "polymarket.market":
        return void decodeMarketFrame(raw, tReceive, sink);
      case "polymarket.prices":
        // The legacy socket serves the same feed and names a topic first.
        if (raw.startsWith('{"topic"')) return void decodeRtdsFrame(raw, tReceive, prices, sink);
        return void decodePolyboltFrame(raw, tReceive, prices, sink);
      case "binance.futures.public":
        return void decodeBinanceFrame(raw, "binance-futures", tReceive, futuresPublic, sink);
      case "binance.futures.market":
        return void decodeBinanceFrame(raw, "binance-futures", tReceive, futuresMarket, sink);
      case "binance.spot":
        return void decodeBinanceFrame(raw, "binance-spot", tReceive, spot, sink);
      case "deribit":
        return void decodeDeribitFrame(raw, tReceive, volatility, sink);
    }
  };
  const decode = (feed: FeedName, raw: string, tReceive: Ms): readonly MarketEvent[] => {
    run(feed, raw, tReceive);
    return sink.events.splice(0);
  };
  return { decode, counts: sink };
}
