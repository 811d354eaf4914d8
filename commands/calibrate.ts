/** `poly-edge calibrate`: parameters of the exchange model from what sessions' orders met. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import type { ParityRow } from "../core/exchange/parity_row.ts";
import { isSession, openSession, type SessionRecording } from "../feeds/session/reader.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { countText, facts, table } from "./output.ts";
import { writeReport } from "./report/write.ts";
import { attach, examples } from "./run.ts";
import {
  EXCHANGE_MODEL_SCHEMA,
  type ExchangeModelFile,
  exchangeModelText,
} from "./trading/exchange_model_file.ts";
import { readParity } from "./trading/parity_file.ts";
import { fitExchangeModel, type QueueTrial } from "./trading/parity_fit.ts";
import { summarise } from "./trading/parity_summary.ts";
import { queueTrials } from "./trading/parity_trials.ts";
import { paperOptions } from "./trading/settings.ts";
import { VERSION } from "./version.ts";

/** Adds `calibrate` to the program. */
export function register(program: Command): void {
  attach(
    program.command("calibrate")
      .description("fit the exchange model to what the orders of sessions met")
      .argument("<sessions...>", "folders or names of sessions")
      .option("--out <file>", "write the model here, for backtest and trade --exchange-model")
      .addHelpText(
        "after",
        examples([
          "calibrate live-20261121T093000Z-4f2a --out measured.json",
          "calibrate data/sessions/live-* --out measured.json --json",
          "backtest tapes/btc5m --exchange-model measured.json",
        ]),
      ),
    "calibrate",
    calibrate,
  );
}

interface Ledger {
  readonly recording: SessionRecording;
  readonly rows: readonly ParityRow[];
}

/** A folder, or the name of a session below the data folder. Throws NOT_A_SESSION. */
async function folderOf(ctx: CommandContext, given: string): Promise<string> {
  for (const path of [given, join(ctx.dataDir, "sessions", given)]) {
    if (await isSession(path)) return path;
  }
  const known = await stat(given).then(() => true, () => false);
  throw new OperationError({
    code: "NOT_A_SESSION",
    message: `Cannot calibrate with ${given}: ${known ? "it is no session" : "there is no such session"}`,
    hint: "Pass the folder of a session, or its name as `trade` printed it.",
  });
}

async function readLedgers(ctx: CommandContext, given: readonly string[]): Promise<Ledger[]> {
  const ledgers: Ledger[] = [];
  const folders = new Set<string>();
  for (const one of given) folders.add(await folderOf(ctx, one));
  for (const folder of folders) {
    const recording = await openSession(folder);
    const file = await readParity(folder);
    const { id } = recording.manifest.start;
    if (file === null) {
      ctx.warn({
        code: "PARITY_ABSENT",
        message: `${id} has no parity ledger: it sent no order, or is older.`,
      });
      continue;
    }
    if (file.torn) {
      ctx.warn({ code: "FILE_TORN", message: `The last row of ${id} was cut off and left out.` });
    }
    ledgers.push({ recording, rows: file.rows });
  }
  if (ledgers.every(({ rows }) => rows.length === 0)) {
    throw new OperationError({
      code: "NOTHING_TO_CALIBRATE",
      message: `Cannot calibrate: none of ${folders.size} session(s) has a parity ledger with orders`,
      hint: "Trade first: `trade --live`, or `trade --paper` to try it out.",
      exit: 2,
    });
  }
  return ledgers;
}

async function trialsOf(ctx: CommandContext, ledgers: readonly Ledger[]): Promise<QueueTrial[]> {
  const progress = ctx.progress("queue models");
  const trials: QueueTrial[] = [];
  try {
    for (const [i, { recording, rows }] of ledgers.entries()) {
      progress.update(i, ledgers.length, recording.manifest.start.id);
      for (const trial of await queueTrials(recording, rows, () => paperOptions(ctx.config), ctx.signal)) {
        trials.push(trial);
      }
    }
  } finally {
    progress.stop();
  }
  return trials;
}

const span = (rows: readonly ParityRow[]) => ({
  fromMs: rows.length === 0 ? null : Math.min(...rows.map((row) => row.sentAt)),
  toMs: rows.length === 0 ? null : Math.max(...rows.map((row) => row.sentAt)),
});

async function calibrate(
  ctx: CommandContext,
  args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const ledgers = await readLedgers(ctx, args);
  const rows = ledgers.flatMap((ledger) => ledger.rows);
  const live = ledgers.filter(({ recording }) => recording.manifest.start.mode === "live");
  if (live.length < ledgers.length) {
    ctx.warn({
      code: "CALIBRATED_ON_PAPER",
      message:
        `${ledgers.length - live.length} of ${ledgers.length} session(s) are paper: they give back the ` +
        "settings they ran with and say nothing of a venue.",
    });
  }
  const { paper, fits } = fitExchangeModel(
    { rows, liveRows: live.flatMap((ledger) => ledger.rows), queue: await trialsOf(ctx, ledgers) },
    ctx.config,
  );
  const few = fits.filter((fit) => fit.status === "kept");
  if (few.length > 0) {
    ctx.warn({
      code: "PARAMETERS_KEPT",
      message: `Not measured, left as configured: ${few.map((fit) => fit.name).join(", ")}.`,
    });
  }
  const file: ExchangeModelFile = {
    schema: EXCHANGE_MODEL_SCHEMA,
    version: VERSION,
    madeAt: new Date(ctx.startedAt).toISOString(),
    sessions: ledgers.map(({ recording: { manifest: { start } }, rows: of }) => ({
      id: start.id,
      mode: start.mode,
      venue: start.venue,
      orders: of.length,
      ...span(of),
    })),
    paper,
    fits: [...fits],
  };
  const out = typeof options["out"] === "string" ? options["out"] : null;
  if (out !== null) await writeReport(out, exchangeModelText(file));
  return { data: { out, ...file, parity: summarise(rows) }, text: textOf(ctx, file, rows, out) };
}

function textOf(
  ctx: CommandContext,
  file: ExchangeModelFile,
  rows: readonly ParityRow[],
  out: string | null,
): string {
  return [
    facts([
      ["sessions", countText(file.sessions.length)],
      ["orders", countText(rows.length)],
    ], ctx.color),
    table({
      head: ["parameter", "status", "samples", "value", "by"],
      align: ["left", "left", "right", "left", "left"],
      color: ctx.color,
      rows: file.fits.map((
        fit,
      ) => [fit.name, fit.status, `${fit.samples} / ${fit.needed}`, fit.value, fit.note]),
    }),
    facts([["model", out ?? "not written: pass --out FILE"]], ctx.color),
  ].join("\n\n");
}
