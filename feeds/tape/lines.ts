/** Text files as batches of lines, gzip or plain (told by the magic bytes), with flat memory. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { OperationError } from "../../core/errors.ts";
import { isMemberFile, walkMembers } from "./members.ts";

/** A line longer than this is no recording; it would only fill memory. */
const MAX_LINE = 16 * 1024 * 1024;

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

/** Whether a gzip error means that the end is missing (a writer was stopped), not that bytes are wrong. */
export function isTorn(error: unknown): boolean {
  return codeOf(error) === "Z_BUF_ERROR" ||
    (error instanceof Error && /unexpected end of file/.test(error.message));
}

async function kindOf(path: string): Promise<"plain" | "gzip" | "members"> {
  const file = await open(path, "r");
  try {
    const head = new Uint8Array(32);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    if (bytesRead < 2 || head[0] !== 0x1f || head[1] !== 0x8b) return "plain";
    return isMemberFile(head.subarray(0, bytesRead)) ? "members" : "gzip";
  } finally {
    await file.close();
  }
}

/** A recorded segment: whole members only, so that reading it before and after a repair gives the same lines. */
async function* memberLines(path: string, onTorn: (() => void) | undefined): AsyncGenerator<string[]> {
  for await (const member of walkMembers(path)) {
    if (member.kind === "member") yield member.text.slice(0, -1).split("\n");
    else if (onTorn !== undefined) onTorn();
    else {
      const cut = member.kind === "cut";
      throw new OperationError({
        code: cut ? "FILE_TORN" : "FILE_DAMAGED",
        message: `Cannot read ${path} to its end: ${
          cut ? "the compressed data stops in the middle" : `the bytes from ${member.offset} on are damaged`
        }`,
        hint: "The file was cut or changed; copy it again. What stands before that place can be read.",
      });
    }
  }
}

/** Turns an error of the file system or of gzip into one that names the file. */
export function fileError(error: unknown, path: string): OperationError {
  if (error instanceof OperationError) return error;
  const code = codeOf(error);
  if (code === "ENOENT") {
    return new OperationError({
      code: "FILE_NOT_FOUND",
      message: `Cannot open ${path}: there is no such file or folder`,
      hint: "Check the path.",
      cause: error,
    });
  }
  if (isTorn(error)) {
    return new OperationError({
      code: "FILE_TORN",
      message: `Cannot read ${path} to its end: the compressed data stops in the middle`,
      hint: "The file was cut or its writer was stopped; copy or record it again.",
      cause: error,
    });
  }
  if (code.startsWith("Z_")) {
    return new OperationError({
      code: "FILE_DAMAGED",
      message: `Cannot decompress ${path}: ${error instanceof Error ? error.message : code}`,
      hint: "The file is damaged; copy or record it again.",
      cause: error,
    });
  }
  return new OperationError({
    code: "FILE_UNREADABLE",
    message: `Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
    cause: error,
  });
}

export interface LineOptions {
  /** Called instead of throwing when the gzip stream stops early; the complete lines before it were delivered. */
  readonly onTorn?: () => void;
}

/**
 * Yields the lines of a file in batches (one per decompressed chunk), without line ends and without a final empty line.
 * A last line without newline is delivered too, except from a torn file. Throws FILE_NOT_FOUND, FILE_TORN,
 * FILE_DAMAGED or FILE_UNREADABLE.
 */
export async function* lineBatches(path: string, options: LineOptions = {}): AsyncGenerator<string[]> {
  let rest = "";
  const decoder = new TextDecoder();
  try {
    const kind = await kindOf(path);
    if (kind === "members") return yield* memberLines(path, options.onTorn);
    const bytes = createReadStream(path, { highWaterMark: 1 << 18 });
    const failed = (error: Error) => source.destroy(error);
    const source = kind === "gzip" ? bytes.pipe(createGunzip({ chunkSize: 1 << 18 })) : bytes;
    if (source !== bytes) bytes.on("error", failed);
    try {
      for await (const chunk of source) {
        const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        if (rest.length > MAX_LINE) throw new Error("a line is longer than 16 MiB");
        if (lines.length > 0) yield lines;
      }
    } finally {
      bytes.destroy();
      source.destroy();
    }
  } catch (error) {
    if (isTorn(error) && options.onTorn !== undefined) return options.onTorn();
    throw fileError(error, path);
  }
  if (rest !== "") yield [rest];
}

/** The first lines of a file (at most `limit`), for telling layouts apart. Empty when it exists but is no readable text. */
export async function headLines(path: string, limit: number): Promise<string[]> {
  const head: string[] = [];
  try {
    for await (const lines of lineBatches(path, { onTorn: () => undefined })) {
      head.push(...lines.slice(0, limit - head.length));
      if (head.length >= limit) break;
    }
  } catch (error) {
    if (!(error instanceof OperationError) || error.code === "FILE_NOT_FOUND") throw error;
    return [];
  }
  return head;
}
