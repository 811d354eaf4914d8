/** What a codec says of a frame. */

/** Frame understood, but no datum: an acknowledgement, a pong, an announcement. Does not make a feed fresh. */
export const CONTROL = "";

/** The name of the stream a frame was a datum of, `CONTROL`, or null for something we do not understand. */
export type FrameVerdict = string | null;
