/** `poly-edge journal`: is the journal whole, and its rows as plain text for other tools. */
import type { Command } from "commander";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { OperationError } from "../core/errors.ts";
import { type ExportFormat, exportJournal } from "../feeds/journal/export.ts";
import { journalError } from "../feeds/journal/errors.ts";
import { journalPath } from "../feeds/journal/journal.ts";
import { damaged, verifyJournal } from "../feeds/journal/verify.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { countText, isoTime, table } from "./output.ts";
import { attach, examples } from "./run.ts";

/** Adds `journal verify`, `journal export`. */
export function register(program: Command): void {
  const journal = program.command("journal").description("the journal of orders: verify it, export it")
    .addHelpText(
      "after",
      examples(["journal verify", "journal export 0xf39f...2266.sqlite --format csv --out orders.csv"]),
    );
  attach(
    journal.command("verify")
      .description("check the hash chain of journals; names the first damaged row")
      .argument("[journals...]", "files or wallet addresses (default: every journal of the data folder)")
      .addHelpText(
        "after",
        examples(["journal verify", "journal verify 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266 --json"]),
      ),
    "journal verify",
    (ctx, args) => Promise.try(() => verifyAction(ctx, args)),
  );
  attach(
    journal.command("export")
      .description("write a journal's rows as JSON lines or CSV")
      .argument("<journal>", "file or wallet address")
      .option("--format <format>", "jsonl or csv", "jsonl")
      .requiredOption("--out <file>", "file to write")
      .option("--force", "replace the file if it exists")
      .addHelpText("after", examples(["journal export 0xf39f...2266.sqlite --format csv --out orders.csv"])),
    "journal export",
    (ctx, args, options) => Promise.try(() => exportAction(ctx, args, options)),
  );
}

const folderOf = (ctx: CommandContext): string => join(ctx.dataDir, "journal");

/** A file as it is named, or the journal of an address. */
const pathOf = (ctx: CommandContext, name: string): string =>
  /^0x[0-9a-fA-F]{40}$/.test(name) ? journalPath(folderOf(ctx), name) : name;

function allJournals(ctx: CommandContext): string[] {
  const folder = folderOf(ctx);
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ENOENT") {
      throw journalError("list the journals of", folder, cause);
    }
  }
  const paths = names.filter((name) => name.endsWith(".sqlite")).sort().map((name) => join(folder, name));
  if (paths.length > 0) return paths;
  throw new OperationError({
    code: "FILE_NOT_FOUND",
    message: `Cannot find a journal in ${folder}: there is none`,
    hint: "Name a journal file, or the folder above it with --data.",
  });
}

const iso = (time: number | null): string | null => time === null ? null : isoTime(time);

function verifyAction(ctx: CommandContext, args: string[]): CommandResult {
  const paths = args.length > 0 ? args.map((name) => pathOf(ctx, name)) : allJournals(ctx);
  const journals = paths.map((path) => {
    ctx.signal.throwIfAborted();
    const { fromMs, toMs, ...rest } = verifyJournal(path);
    return { ...rest, from: iso(fromMs), to: iso(toMs) };
  });
  const first = journals.find(({ ok }) => !ok);
  if (first !== undefined) {
    const error = damaged(first.path, first.firstDamage!);
    throw new OperationError({
      code: error.code,
      message: error.message,
      hint: error.hint ?? "",
      details: { journals },
    });
  }
  const rows = journals.map((
    j,
  ) => [j.wallet, countText(j.rows), j.from ?? "-", j.to ?? "-", j.hash.slice(0, 16)]);
  return {
    data: { journals },
    text: table({ head: ["whole journal", "rows", "from", "to", "hash"], rows, color: ctx.color }),
  };
}

function openOut(out: string, force: boolean): Deno.FsFile {
  try {
    return Deno.openSync(out, {
      write: true,
      mode: 0o600,
      ...(force ? { create: true, truncate: true } : { createNew: true }),
    });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists)) throw journalError("write", out, cause);
    throw new OperationError({
      code: "OUTPUT_EXISTS",
      message: `Cannot write ${out}: the file exists`,
      hint: "Choose another file or add --force.",
      cause,
    });
  }
}

const FLUSH_CHARACTERS = 1 << 16;

function exportAction(ctx: CommandContext, args: string[], options: Record<string, unknown>): CommandResult {
  const { format } = options;
  if (format !== "csv" && format !== "jsonl") {
    throw new OperationError({
      code: "USAGE",
      message: `Cannot export as ${String(format)}: --format is jsonl or csv`,
      exit: 2,
    });
  }
  const path = pathOf(ctx, args[0] ?? "");
  const out = String(options["out"]);
  const rows = writeRows(ctx, { path, out, format, force: options["force"] === true });
  return { data: { journal: path, out, format, rows }, text: `${countText(rows)} rows written to ${out}` };
}

interface WriteJob {
  readonly path: string;
  readonly out: string;
  readonly format: ExportFormat;
  readonly force: boolean;
}

function writeRows(ctx: CommandContext, { path, out, format, force }: WriteJob): number {
  // The journal is opened first: a wrong name must not leave an empty file behind.
  verifyReadable(path);
  using file = openOut(out, force);
  const encoder = new TextEncoder();
  let text = "";
  const flush = () => {
    const bytes = encoder.encode(text);
    text = "";
    try {
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    } catch (cause) {
      throw journalError("write", out, cause);
    }
  };
  try {
    return exportJournal(path, format, (line) => {
      text += line;
      if (text.length < FLUSH_CHARACTERS) return;
      ctx.signal.throwIfAborted();
      flush();
    });
  } finally {
    flush();
  }
}

function verifyReadable(path: string): void {
  const found = verifyJournal(path);
  if (found.firstDamage !== null && found.rows === 0) throw damaged(path, found.firstDamage);
}
