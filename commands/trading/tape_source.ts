/** Feeds a session from a tape: the same events, grouped as they arrived. */
import type { MarketEvent } from "../../core/events.ts";
import { openTape, type Tape } from "../../feeds/tape/reader.ts";
import { tapeDecoder } from "../../feeds/tape/codecs.ts";

/**
 * Calls `onFrame` with the events of each instant (equal receive time) in order. The array is reused: it is only valid
 * during the call. `onProgress` hears how many events were read.
 */
export async function readFrames(
  tape: Tape,
  onFrame: (events: readonly MarketEvent[]) => void,
  onProgress: (events: number) => void = () => {},
  signal?: AbortSignal,
): Promise<number> {
  const frame: MarketEvent[] = [];
  let count = 0;
  for await (const batch of tape.events()) {
    signal?.throwIfAborted();
    for (const event of batch) {
      if (frame.length > 0 && event.tReceive !== frame[0]!.tReceive) {
        onFrame(frame);
        frame.length = 0;
      }
      frame.push(event);
    }
    count += batch.length;
    onProgress(count);
  }
  if (frame.length > 0) onFrame(frame);
  return count;
}

/** Opens a tape with the codecs for raw frames. Throws FILE_NOT_FOUND, NOT_A_TAPE, TAPE_INVALID. */
export const openWithCodecs = (path: string): Promise<Tape> =>
  openTape(path, { decode: tapeDecoder().decode });
