/** Reads the recorded frames of fixtures/frames. */
const FOLDER = new URL("../../fixtures/frames/", import.meta.url);

/** Lines of a `.jsonl` file, as the text that came over the wire. */
export const frameLines = (name: string): string[] =>
  Deno.readTextFileSync(new URL(name, FOLDER)).split("\n").filter((line) => line !== "");

/** Parsed `.json` file. */
export const frameFile = <T>(name: string): T => JSON.parse(Deno.readTextFileSync(new URL(name, FOLDER)));

/** The frames of a `[{frame}]` file as wire text. */
export const recordedFrames = (name: string): string[] =>
  frameFile<{ frame: unknown }[]>(name).map(({ frame }) => JSON.stringify(frame));
