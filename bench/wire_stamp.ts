/** The time at which a frame was sent, in a field at its very end that no codec looks at: `...,"at":1790000000000.123}`. */

const FIELD = ',"at":';
/** Wall ms with three decimals, so that a stamp can be written over in place. */
export const STAMP_CHARS = 17;
const TAIL = FIELD.length + STAMP_CHARS + 1;

/** Wall ms by the clock of this machine, to the microsecond, the same in every process. */
export const wallMs = (): number => performance.timeOrigin + performance.now();

export const stampText = (atMs: number): string => atMs.toFixed(3);

/** The frame with its time of sending; what is no object stays as it is. */
export const stamped = (text: string, atMs: number): string =>
  text.startsWith("{") && text.endsWith("}") ? `${text.slice(0, -1)}${FIELD}${stampText(atMs)}}` : text;

/** When it was sent, wall ms; NaN for a frame without a stamp. */
export const stampOf = (text: string): number =>
  text.startsWith(FIELD, text.length - TAIL) ? Number(text.slice(-STAMP_CHARS - 1, -1)) : NaN;
