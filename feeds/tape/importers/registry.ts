/** All layouts, and what a folder holds. */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { MANIFEST_NAME } from "../format.ts";
import { fileError, headLines } from "../lines.ts";
import { cronos } from "./cronos.ts";
import { fullstream } from "./fullstream.ts";
import { jonah } from "./jonah.ts";
import type { Folder, Layout, PeekedFile } from "./layout.ts";
import { type ReferenceFile, referenceFile } from "./reference_files.ts";
import { sellersja } from "./sellersja.ts";
import { borisz, kilyaaan, lukasz, valerka } from "./two_token_quotes.ts";

/** Every layout that can be imported, most specific first. */
export const LAYOUTS: readonly Layout[] = [
  cronos,
  borisz,
  lukasz,
  valerka,
  kilyaaan,
  sellersja,
  fullstream,
  jonah,
];

/** A recording found in a folder: one layout and its files. */
export interface FoundRecording {
  readonly layout: Layout;
  readonly folder: Folder;
  readonly files: readonly PeekedFile[];
}

export interface FolderContent {
  readonly folder: Folder;
  readonly recordings: readonly FoundRecording[];
  readonly references: readonly ReferenceFile[];
  /** Files nothing is known of. */
  readonly unknown: readonly PeekedFile[];
}

const DATA_FILE = /\.(csv|jsonl|json|log|txt|md|ndjson)(\.gz)?$/i;
const HEAD_LINES = 3;
const HEAD_CHARS = 4000;
/** A folder of recordings has a few dozen entries; these limits keep a wrong path (a home folder) from taking minutes. */
const MAX_FILES = 2000;
const MAX_FOLDERS = 500;

/** What a path is; null for a dangling link or something we may not look at. */
async function kindOf(path: string): Promise<"file" | "folder" | null> {
  const info = await stat(path).catch(() => null);
  return info?.isFile() === true ? "file" : info?.isDirectory() === true ? "folder" : null;
}

async function peek(path: string): Promise<PeekedFile> {
  const head = await headLines(path, HEAD_LINES);
  return { name: basename(path), path, head: head.map((l) => l.slice(0, HEAD_CHARS)) };
}

/** Reads the beginnings of a folder's files (a single file counts as a folder of one). Throws FILE_NOT_FOUND. */
export async function peekFolder(path: string): Promise<Folder> {
  const info = await stat(path).catch((error) => {
    throw fileError(error, path);
  });
  const full = resolve(path);
  if (info.isFile()) {
    const name = basename(full).replace(/(\.[a-z]+)(\.gz)?$/i, "");
    return { path: dirname(full), name, files: [await peek(full)] };
  }
  const names = (await readdir(full)).filter((n) => DATA_FILE.test(n)).sort();
  const files: PeekedFile[] = [];
  for (const name of names.slice(0, MAX_FILES)) {
    const file = join(full, name);
    if (await kindOf(file) === "file") files.push(await peek(file));
  }
  return { path: full, name: basename(full), files };
}

/** Tells what a folder holds. `forced` restricts recordings to one layout. */
export function classify(folder: Folder, forced?: Layout): FolderContent {
  const recordings: FoundRecording[] = [];
  const taken = new Set<PeekedFile>();
  for (const layout of forced === undefined ? LAYOUTS : [forced]) {
    const files = folder.files.filter((f) => !taken.has(f) && layout.matches(f));
    if (files.length === 0) continue;
    for (const file of files) taken.add(file);
    recordings.push({ layout, folder, files });
  }
  const references: ReferenceFile[] = [];
  const unknown: PeekedFile[] = [];
  for (const file of folder.files) {
    if (taken.has(file)) continue;
    const reference = referenceFile(file);
    if (reference === null) unknown.push(file);
    else references.push(reference);
  }
  return { folder, recordings, references, unknown };
}

/** Whether a folder is a tape of ours, which is neither a recording nor reference data. */
export const isTapeFolder = async (path: string): Promise<boolean> =>
  await kindOf(join(path, MANIFEST_NAME)) === "file";

/** Subfolders of a folder, sorted, without hidden ones and tapes. Throws FILE_NOT_FOUND, FILE_UNREADABLE. */
export async function subfolders(path: string): Promise<string[]> {
  const entries = await readdir(path).catch((error) => {
    throw fileError(error, path);
  });
  const names = entries.filter((n) => !n.startsWith(".")).sort();
  const found: string[] = [];
  for (const name of names) {
    const full = join(resolve(path), name);
    if (await kindOf(full) === "folder" && !(await isTapeFolder(full))) found.push(full);
    if (found.length >= MAX_FOLDERS) break;
  }
  return found;
}
