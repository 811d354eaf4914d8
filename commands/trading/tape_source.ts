/** Feeds a session from a tape: the same events, grouped as they arrived. */
import type { MarketEvent } from "../../core/events.ts";
import { openTape, type Tape } from "../../feeds/tape/reader.ts";
import { tapeDecoder } from "../../feeds/tape/codecs.ts";

/**
 * Calls `onFrame` with the events of each group of the tape (a frame, or one instant of normalised events) in order.
 * `onProgress` hears how many events were read,
 * and is waited for.
 */
export async function readFrames(
  tape: Tape,
  onFrame: (events: readonly MarketEvent[]) => void,
  onProgress: (events: number) => void | Promise<void> = () => {},
  signal?: AbortSignal,
): Promise<number> {
  let count = 0;
  for await (const groups of tape.groups()) {
    signal?.throwIfAborted();
    for (const group of groups) {
      onFrame(group);
      count += group.length;
    }
    await onProgress(count);
  }
  return count;
}

/** Opens a tape with the codecs for raw frames. Throws FILE_NOT_FOUND, NOT_A_TAPE, TAPE_INVALID. */
export const openWithCodecs = (path: string): Promise<Tape> =>
  openTape(path, { decode: tapeDecoder().decode });
