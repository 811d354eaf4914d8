/** `poly-edge tape`: recordings of others become tapes; what a tape holds; is it whole; hand it to other tools. */
import type { Command } from "commander";
import { dirname, join } from "node:path";
import { OperationError } from "../core/errors.ts";
import { parseDecimal } from "../core/units.ts";
import { tapeDecoder } from "../feeds/tape/codecs.ts";
import { exportTape } from "../feeds/tape/export.ts";
import { CHAIN_START, chainHash, type Manifest, RECORDED_LAYOUT } from "../feeds/tape/format.ts";
import { importFound, type ImportSummary, notARecording, surveyPath } from "../feeds/tape/import.ts";
import { findReferences, type ReferenceCatalog } from "../feeds/tape/importers/references.ts";
import { type FolderContent, type FoundRecording, LAYOUTS } from "../feeds/tape/importers/registry.ts";
import { openTape } from "../feeds/tape/reader.ts";
import { RecordingIndex } from "../feeds/tape/recording_index.ts";
import { readTail, repairTape } from "../feeds/tape/repair.ts";
import { type CsvCopy, exportParquet, parquetAsCsv } from "../feeds/tape/parquet.ts";
import { verifyTape } from "../feeds/tape/verify.ts";
import { assertWritable } from "../feeds/tape/writer.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { bytesText, countText, facts, isoTime, table } from "./output.ts";
import { attach, examples } from "./run.ts";
import { registerTapeCache } from "./tape_cache.ts";

/** Adds `tape import`, `tape info`, `tape verify`, `tape export`. */
export function register(program: Command): void {
  const tape = program.command("tape").description("recordings: import, look at, verify, export")
    .addHelpText(
      "after",
      examples(["tape import recordings --out tapes", "tape info tapes/*", "tape verify tapes/*"]),
    );
  attach(
    tape.command("import")
      .description("turn recordings of others into tapes; reference prices are joined by time")
      .argument("<paths...>", "a recording, a file of one, or a folder of recordings")
      .requiredOption("--out <dir>", "folder in which each recording becomes a folder of its own")
      .option("--layout <name>", `read the files as this layout: ${LAYOUTS.map((l) => l.name).join(", ")}`)
      .option("--references <dir>", "where reference prices are (default: the folder above each recording)")
      .option("--assume-size <shares>", "size of every quote in recordings without sizes", "100")
      .option("--force", "replace tapes that exist")
      .addHelpText(
        "after",
        examples([
          "tape import ../shared/data --out tapes",
          "tape import recordings/btc5m-books --references prices --out tapes --json",
          "tape import quotes.csv.gz --layout thevalerka --assume-size 50 --out tapes",
        ]),
      ),
    "tape import",
    importAction,
  );
  attach(
    tape.command("info")
      .description("what tapes hold: windows, events, inputs they lack, assumptions behind them")
      .argument("<tapes...>", "tape folders")
      .addHelpText("after", examples(["tape info tapes/btc5m-books", "tape info tapes/* --json"])),
    "tape info",
    infoAction,
  );
  attach(
    tape.command("verify")
      .description("hash every byte and line of tapes; names the first damaged file")
      .argument("<tapes...>", "tape folders")
      .option(
        "--repair",
        "first mend recordings whose writer was stopped: cut a torn end off, list every segment",
      )
      .addHelpText("after", examples(["tape verify tapes/*", "tape verify tapes/today --repair"])),
    "tape verify",
    verifyAction,
  );
  attach(
    tape.command("export")
      .description("write a tape as one CSV or Parquet file (a row per event) or as plain JSON lines")
      .argument("<tape>", "tape folder")
      .option("--format <format>", "csv, jsonl or parquet (run by `deno task parquet`)", "csv")
      .requiredOption("--out <file>", "file to write; compressed when it ends in .gz")
      .option("--force", "replace the file if it exists")
      .addHelpText("after", examples(["tape export tapes/btc5m-books --format csv --out books.csv.gz"])),
    "tape export",
    exportAction,
  );
  registerTapeCache(tape);
}

const iso = (time: number | null): string | null => time === null ? null : isoTime(time);

/** The part of a manifest that `tape import` and `tape info` report. */
function tapeData(path: string, manifest: Manifest): Record<string, unknown> {
  return {
    path,
    layout: manifest.layout,
    windows: manifest.windows.length,
    windowsWithOutcome: manifest.windows.filter((w) => w.outcome !== null).length,
    windowsComplete: manifest.windows.filter((w) => w.complete).length,
    assets: manifest.assets,
    durations: manifest.durations,
    events: manifest.events,
    counts: manifest.counts,
    from: iso(manifest.from),
    to: iso(manifest.to),
    absent: manifest.absent,
    skipped: manifest.skipped,
    unrecognised: manifest.unrecognised,
    bytes: manifest.files.reduce((sum, f) => sum + f.bytes, 0),
    notes: manifest.notes,
  };
}

interface Job {
  readonly found: FoundRecording;
  readonly out: string;
}

/** One folder name per recording; a second recording of the same name gets a number. */
function planJobs(contents: readonly FolderContent[], outDir: string): Job[] {
  const taken = new Map<string, number>();
  return contents.flatMap(({ folder, recordings }) =>
    recordings.map((found) => {
      const base = recordings.length > 1 ? `${folder.name}-${found.layout.name}` : folder.name;
      const seen = (taken.get(base) ?? 0) + 1;
      taken.set(base, seen);
      return { found, out: join(outDir, seen === 1 ? base : `${base}-${seen}`) };
    })
  );
}

interface Failure {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

interface Imported {
  readonly summaries: readonly { readonly summary: ImportSummary; readonly elapsedMs: number }[];
  readonly failed: readonly Failure[];
}

async function runJobs(
  ctx: CommandContext,
  jobs: readonly Job[],
  references: ReferenceCatalog,
  options: { readonly assumeSize: number; readonly force: boolean },
): Promise<Imported> {
  const summaries: { summary: ImportSummary; elapsedMs: number }[] = [];
  const failed: Failure[] = [];
  const progress = ctx.progress("import");
  try {
    for (const [index, { found, out }] of jobs.entries()) {
      const { name } = found.folder;
      progress.update(index, jobs.length, name);
      const began = performance.now();
      try {
        const summary = await importFound(found, {
          out,
          ...options,
          references,
          signal: ctx.signal,
          onProgress: (events) => progress.update(index, jobs.length, `${name} ${countText(events)} events`),
        });
        summaries.push({ summary, elapsedMs: performance.now() - began });
      } catch (error) {
        if (ctx.signal.aborted || !(error instanceof OperationError)) throw error;
        failed.push({ path: found.folder.path, code: error.code, message: error.message });
        if (jobs.length === 1 || error.code === "DISK_FULL") throw error;
        ctx.warn({ code: error.code, message: error.message });
      }
    }
    progress.update(jobs.length, jobs.length, "done");
  } finally {
    progress.stop();
  }
  return { summaries, failed };
}

function referenceData(contents: readonly FolderContent[]) {
  return contents.flatMap(({ folder, references }) => {
    const files = references.filter((r) => r.kind !== "notes" && r.kind !== "window-list").map((r) => ({
      name: r.file.name,
      kind: r.kind,
      offers: r.offers,
      joinable: r.join !== null,
    }));
    return files.length === 0 ? [] : [{ path: folder.path, executable: false, files }];
  });
}

function importText(
  ctx: CommandContext,
  imported: Imported,
  references: ReturnType<typeof referenceData>,
): string {
  const rows = imported.summaries.map(({ summary: { path, layout, manifest, rows }, elapsedMs }) => [
    path,
    layout,
    `${manifest.windows.filter((w) => w.outcome !== null).length}/${manifest.windows.length}`,
    countText(manifest.events),
    countText(Object.values(manifest.skipped).reduce((a, b) => a + b, 0)),
    countText(manifest.unrecognised),
    `${countText(rows / Math.max(elapsedMs, 1) * 1000)}/s`,
    manifest.absent.join(" "),
  ]);
  const parts: string[] = [];
  if (rows.length > 0) {
    parts.push(table({
      head: ["tape", "layout", "resolved", "events", "skipped", "unknown", "rows", "absent"],
      rows,
      align: ["left", "left", "right", "right", "right", "right", "right", "left"],
      color: ctx.color,
    }));
  }
  if (references.length > 0) {
    const lines = references.flatMap((r) => r.files.map((f) => [r.path, f.name, f.offers]));
    parts.push(
      `Reference data, without executable quotes of its own:\n${
        table({ head: ["folder", "file", "offers"], rows: lines, color: ctx.color })
      }`,
    );
  }
  return parts.join("\n\n");
}

/** `--assume-size` in millionths of a share. */
function parseShares(text: string): number {
  const size = parseDecimal(text.trim(), 6);
  if (size > 0) return size;
  throw new OperationError({
    code: "USAGE",
    message: `Cannot use ${text} as --assume-size: it must be a number of shares above 0`,
    hint: "For example: --assume-size 100",
    exit: 2,
  });
}

async function importAction(
  ctx: CommandContext,
  paths: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const layout = typeof options["layout"] === "string" ? options["layout"] : undefined;
  const assumeSize = parseShares(String(options["assumeSize"]));
  const explicit = options["references"];
  const folders = typeof explicit === "string" ? [explicit] : null;
  const copies: CsvCopy[] = [];
  try {
    const sources: Source[] = [];
    for (const path of paths) {
      const copy = await parquetAsCsv(path, join(ctx.dataDir, "cache"));
      if (copy !== null) copies.push(copy);
      sources.push({ path: copy?.path ?? path, beside: dirname(path) });
    }
    const settings = { layout, assumeSize, force: options["force"] === true, folders };
    return await importSources(ctx, sources, String(options["out"]), settings);
  } finally {
    for (const copy of copies) await copy.remove();
  }
}

interface Source {
  readonly path: string;
  /** The folder in which a person would look for its reference data. */
  readonly beside: string;
}

interface ImportSettings {
  readonly layout: string | undefined;
  readonly assumeSize: number;
  readonly force: boolean;
  /** Where reference prices are; null: beside the recordings. */
  readonly folders: readonly string[] | null;
}

async function importSources(
  ctx: CommandContext,
  sources: readonly Source[],
  out: string,
  { layout, assumeSize, force, folders }: ImportSettings,
): Promise<CommandResult> {
  const contents: FolderContent[] = [];
  for (const { path } of sources) {
    const found = await surveyPath(path, layout);
    const known = found.flatMap((c) => [...c.recordings, ...c.references.filter((r) => r.kind !== "notes")]);
    if (known.length === 0) throw notARecording(path, found);
    contents.push(...found);
  }
  const jobs = planJobs(contents, out);
  for (const { out } of jobs) await assertWritable(out, force);
  const beside = [
    ...sources.map((source) => source.beside),
    ...jobs.map((j) => dirname(j.found.folder.path)),
  ];
  const references = await findReferences([...new Set(folders ?? beside)]);
  const imported = await runJobs(ctx, jobs, references, { assumeSize, force });
  const referenceFolders = referenceData(contents);
  const unknown = contents.flatMap((c) => c.unknown.map((f) => f.path));
  for (const path of unknown) {
    ctx.warn({ code: "FILE_UNKNOWN", message: `${path} has no known layout and was left alone` });
  }
  if (jobs.length === 0) {
    ctx.warn({
      code: "REFERENCE_ONLY",
      message: "no recording with executable quotes: there is nothing to import",
    });
  }
  const data = {
    tapes: imported.summaries.map(({ summary, elapsedMs }) => ({
      ...tapeData(summary.path, summary.manifest),
      rows: summary.rows,
      windowsWithBars: summary.windowsWithBars,
      joined: summary.references,
      durationMs: Math.round(elapsedMs),
    })),
    references: referenceFolders,
    unknown,
    failed: imported.failed,
  };
  return {
    data,
    text: importText(ctx, imported, referenceFolders),
    ...(imported.failed.length > 0 ? { exit: 5 as const } : {}),
  };
}

function infoText(ctx: CommandContext, path: string, manifest: Manifest): string {
  const counts = Object.entries(manifest.counts).map(([type, n]) => `${type} ${countText(n)}`).join(", ");
  const outcomes = manifest.windows.filter((w) => w.outcome !== null).length;
  const complete = manifest.windows.filter((w) => w.complete).length;
  const skipped = Object.entries(manifest.skipped).map(([reason, n]) => `${reason} ${countText(n)}`).join(
    ", ",
  );
  return facts([
    ["tape", path],
    ["source", manifest.source],
    ["layout", `${manifest.layout} (licence: ${manifest.licence})`],
    ["markets", `${manifest.assets.join(",")} ${manifest.durations.join(",")}`],
    ["windows", `${manifest.windows.length}, ${outcomes} with outcome, ${complete} complete`],
    ["from", iso(manifest.from) ?? "-"],
    ["to", iso(manifest.to) ?? "-"],
    ["events", `${countText(manifest.events)}: ${counts}`],
    ["size", bytesText(manifest.files.reduce((sum, f) => sum + f.bytes, 0))],
    ["absent", manifest.absent.join(" ") || "nothing"],
    ["skipped", skipped || "nothing"],
    ["unrecognised", countText(manifest.unrecognised)],
    ...manifest.notes.map((note, i) => [i === 0 ? "notes" : "", note] as const),
  ], ctx.color);
}

/** A recording under way, or one that was stopped: what its unlisted segments hold is counted in. */
async function withTail(path: string, manifest: Manifest): Promise<Manifest> {
  if (manifest.complete || manifest.layout !== RECORDED_LAYOUT) return manifest;
  const index = new RecordingIndex(manifest);
  const segments = await readTail(path, manifest, index);
  const tail = segments.filter((segment) => segment.lines > 0).map((
    { name, lines, bytes, sha256, from, to },
  ) => ({
    ...{ name, lines, bytes, sha256, from, to },
    chain: "",
  }));
  let previous = manifest.files.at(-1)?.chain ?? CHAIN_START;
  for (const file of tail) previous = file.chain = chainHash(previous, file.sha256);
  return index.manifest(manifest.source, manifest.licence, [...manifest.files, ...tail], false);
}

async function infoAction(ctx: CommandContext, paths: string[]): Promise<CommandResult> {
  const tapes: unknown[] = [];
  const texts: string[] = [];
  for (const path of paths) {
    const { manifest: listed, warnings } = await openTape(path);
    for (const warning of warnings) ctx.warn(warning);
    const manifest = await withTail(path, listed);
    const { source, licence, complete, files } = manifest;
    const list = manifest.windows;
    tapes.push({ ...tapeData(path, manifest), source, licence, complete, files, windowList: list });
    texts.push(infoText(ctx, path, manifest));
  }
  return { data: { tapes }, text: texts.join("\n\n") };
}

async function verifyAction(
  ctx: CommandContext,
  paths: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const tapes = [];
  const repaired: Record<string, unknown>[] = [];
  const progress = ctx.progress("verify");
  try {
    for (const [index, path] of paths.entries()) {
      ctx.signal.throwIfAborted();
      progress.update(index, paths.length, path);
      if (options["repair"] === true) {
        const { removedBytes, segments } = await repairTape(path);
        if (segments.length > 0) repaired.push({ path, removedBytes, segments: segments.length });
        if (removedBytes > 0) {
          ctx.warn({
            code: "TAPE_REPAIRED",
            message: `${path}: ${countText(removedBytes)} bytes of a torn end were cut off.`,
          });
        }
      }
      tapes.push(await verifyTape(path));
    }
  } finally {
    progress.stop();
  }
  const damaged = tapes.filter((t) => !t.ok);
  if (damaged.length > 0) {
    const first = damaged[0]!;
    const { file, kind, detail } = first.firstDamage!;
    throw new OperationError({
      code: "TAPE_DAMAGED",
      message: `Cannot trust ${first.path}: ${file} is damaged (${kind}: ${detail})`,
      hint: kind === "torn" && first.state === "stopped"
        ? "`poly-edge tape verify --repair` cuts the torn end off; everything before it is whole."
        : "Import or record the tape again; the files before the named one are whole.",
      details: { tapes },
    });
  }
  const rows = tapes.map((
    t,
  ) => [t.path, t.state, t.files, countText(t.lines), bytesText(t.bytes), t.chain.slice(0, 16)]);
  return {
    data: { tapes, ...(options["repair"] === true ? { repaired } : {}) },
    text: table({ head: ["whole tape", "state", "files", "lines", "size", "chain"], rows, color: ctx.color }),
  };
}

async function exportAction(
  ctx: CommandContext,
  args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const format = options["format"];
  if (format !== "csv" && format !== "jsonl" && format !== "parquet") {
    throw new OperationError({
      code: "USAGE",
      message: `Cannot export as ${String(format)}: --format is csv, jsonl or parquet`,
      exit: 2,
    });
  }
  const path = args[0] ?? "";
  const out = String(options["out"]);
  const tape = await openTape(path);
  const progress = ctx.progress("export");
  const common = {
    out,
    force: options["force"] === true,
    decode: tapeDecoder().decode,
    signal: ctx.signal,
    onProgress: (done: number) => progress.update(done, tape.manifest.events, out),
  };
  try {
    const { lines } = format === "parquet"
      ? await exportParquet(tape, common)
      : await exportTape(tape, { ...common, format });
    for (const warning of tape.warnings) ctx.warn(warning);
    const { unrecognised } = tape.counts;
    return {
      data: { tape: path, out, format, lines, unrecognised },
      text: `${countText(lines)} lines written to ${out}`,
    };
  } finally {
    progress.stop();
  }
}
