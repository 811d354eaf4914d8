/** Writes a file that the user named. */
import { rename } from "node:fs/promises";
import { OperationError } from "../core/errors.ts";

/**
 * Writes `bytes` whole or not at all. Throws OUTPUT_EXISTS when the file is there and `force` is off, OUTPUT_WRITE_FAILED
 * when it cannot be written.
 */
export async function writeNewFile(path: string, bytes: Uint8Array, force: boolean): Promise<void> {
  const draft = `${path}.${crypto.randomUUID()}`;
  try {
    if (!force) await Deno.writeFile(path, new Uint8Array(0), { createNew: true });
    await Deno.writeFile(draft, bytes);
    await rename(draft, path);
  } catch (cause) {
    const exists = cause instanceof Deno.errors.AlreadyExists;
    throw new OperationError({
      code: exists ? "OUTPUT_EXISTS" : "OUTPUT_WRITE_FAILED",
      message: `Cannot write ${path}: ${
        exists ? "the file exists" : cause instanceof Error ? cause.message : String(cause)
      }`,
      hint: exists ? "Choose another file or add --force." : "Name a file in a folder that may be written.",
      cause,
    });
  }
}
