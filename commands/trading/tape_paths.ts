/** From the paths a person gives to tapes: a tape, a folder of tapes, or a recording that is imported on the fly. */
import { basename, dirname, join } from "node:path";
import { OperationError } from "../../core/errors.ts";
import { importFound, notARecording, surveyPath } from "../../feeds/tape/import.ts";
import { findReferences } from "../../feeds/tape/importers/references.ts";
import { parquetAsCsv } from "../../feeds/tape/parquet.ts";
import { isTape } from "../../feeds/tape/reader.ts";
import type { CommandContext } from "../command.ts";

async function tapesInside(path: string): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const entry of Deno.readDir(path)) {
      if (entry.isDirectory && await isTape(join(path, entry.name))) found.push(join(path, entry.name));
    }
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw new OperationError({
        code: "FILE_NOT_FOUND",
        message: `Cannot open ${path}: there is no such file or folder`,
        hint: "Pass a tape, a folder of tapes, or a recording.",
        cause,
      });
    }
    if (!(cause instanceof Deno.errors.NotADirectory)) throw cause;
  }
  return found.sort();
}

export interface ResolvedTapes {
  readonly tapes: readonly { readonly path: string; readonly name: string }[];
  /** Removes what was imported on the fly. */
  cleanUp(): Promise<void>;
}

/**
 * Resolves every path. Recordings are imported below the data folder and removed by `cleanUp`. Throws FILE_NOT_FOUND,
 * NOT_A_RECORDING and whatever the import throws; then nothing is left behind.
 */
export async function resolveTapes(ctx: CommandContext, paths: readonly string[]): Promise<ResolvedTapes> {
  const tapes: { path: string; name: string }[] = [];
  const temporary = join(ctx.dataDir, "cache", `import-${crypto.randomUUID()}`);
  const cleanUp = async () => {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
  };
  try {
    for (const path of paths) {
      const known = await isTape(path) ? [path] : await tapesInside(path);
      if (known.length > 0) {
        tapes.push(...known.map((tape) => ({ path: tape, name: basename(tape) })));
        continue;
      }
      const copy = await parquetAsCsv(path, temporary);
      const contents = await surveyPath(copy?.path ?? path);
      // Reference prices lie beside the recording, not beside its copy.
      const references = copy === null ? {} : { references: await findReferences([dirname(path)]) };
      const recordings = contents.flatMap((content) => content.recordings);
      if (recordings.length === 0) throw notARecording(path, contents);
      for (const recording of recordings) {
        const name = `${basename(recording.folder.path)}-${tapes.length}`;
        const out = join(temporary, name);
        const progress = ctx.progress(`import ${name}`);
        try {
          await importFound(recording, {
            out,
            ...references,
            signal: ctx.signal,
            onProgress: (events) => progress.update(events, 0, "events"),
          });
        } finally {
          progress.stop();
        }
        tapes.push({ path: out, name });
      }
    }
    return { tapes, cleanUp };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}
