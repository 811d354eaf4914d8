/** `doctor`: can this account and machine trade, and if not, why. A pass arms live trading for a day. */
import type { Command } from "commander";
import { join } from "node:path";
import { type ExitCode, OperationError } from "../core/errors.ts";
import { accountFlags, accountOptions } from "./account.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import type { Check, CheckStatus } from "./doctor/check.ts";
import { type Examination, examineAll } from "./doctor/questions.ts";
import { paint, spanText } from "./output.ts";
import { parseSpan } from "./parse.ts";
import { attach, examples } from "./run.ts";
import { hostOf, recordPath, writeRecord } from "./trading/doctor_record.ts";

/** The slowest feed has 15 s for its first datum by its own limits. */
const FEEDS_WAIT = "20s";

/** Folders of a data folder that others could read if a careless tool made them. */
const FOLDERS = ["", "keys", "journal", "latches", "doctor"] as const;

function makeFolders(ctx: CommandContext): void {
  for (const name of FOLDERS) Deno.mkdirSync(join(ctx.dataDir, name), { recursive: true, mode: 0o700 });
}

const WORDS: Readonly<Record<CheckStatus, string>> = { ok: "ok", warn: "look", fail: "FAIL", skip: "-" };

function textOf(checks: readonly Check[], color: boolean): string {
  const pen = paint(color);
  const paints = { ok: pen.green, warn: pen.yellow, fail: pen.red, skip: pen.dim };
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.flatMap(({ code, detail, fix, name, status }) => {
    const head = `${paints[status](WORDS[status].padEnd(4))}  ${name.padEnd(width)}  `;
    const line = `${head}${detail}${code === null || status !== "fail" ? "" : ` (${code})`}`;
    return fix === null || status === "skip"
      ? [line]
      : [line, `${" ".repeat(width + 8)}${pen.dim("fix:")} ${fix}`];
  }).join("\n");
}

/** 0 nothing failed; 4 the venue refuses account or place; 3 something else failed. */
const exitOf = (failed: readonly Check[]): ExitCode =>
  failed.length === 0 ? 0 : failed.some(({ refused }) => refused) ? 4 : 3;

function verdictOf(ctx: CommandContext, failed: readonly Check[], account: Examination["account"]): string {
  if (failed.length > 0) return `${failed.length} failed: ${failed.map(({ name }) => name).join(", ")}.`;
  const wallet = account?.account.funder ?? "nobody";
  return `This machine can trade for ${wallet}. The pass holds for ${spanText(ctx.config.doctor.maxAgeMs)}.`;
}

/** Leaves the result for `trade --live`; a pass of an account that cannot sign is no pass. */
async function keep(ctx: CommandContext, { account, rules }: Examination, failed: readonly Check[]) {
  if (account === null) return null;
  const { clob } = (await ctx.venue()).profile;
  const wallet = account.account.funder;
  try {
    writeRecord(ctx.dataDir, clob, {
      wallet: wallet.toLowerCase(),
      host: hostOf(clob),
      atMs: ctx.startedAt,
      ok: failed.length === 0,
      failed: failed.map(({ name }) => name),
      rules,
    });
  } catch (error) {
    // A disk that cannot be written is a finding already; it must not hide the others.
    if (failed.length === 0 || !(error instanceof OperationError)) throw error;
    ctx.warn({ code: error.code, message: error.message });
    return null;
  }
  return recordPath(ctx.dataDir, wallet, clob);
}

async function doctor(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const fix = options["fix"] === true;
  const feedsMs = parseSpan(String(options["wait"] ?? FEEDS_WAIT), "--wait");
  if (fix) makeFolders(ctx);
  const progress = ctx.progress("doctor");
  let examination: Examination;
  try {
    examination = await examineAll(ctx, {
      account: accountOptions(options),
      fix,
      acceptDrift: options["acceptDrift"] === true,
      feedsMs,
      onProgress: (done, total, name) => progress.update(done, total, name),
    });
  } finally {
    progress.stop();
  }
  const { account, checks } = examination;
  const failed = checks.filter(({ status }) => status === "fail");
  const record = await keep(ctx, examination, failed);
  return {
    data: {
      ok: failed.length === 0,
      wallet: account?.account.funder ?? null,
      signatureType: account?.account.signatureType ?? null,
      checks: checks.map(({ code, detail, fix: mend, name, status }) => ({
        name,
        status,
        code,
        detail,
        fix: mend,
      })),
      record,
    },
    text: `${textOf(checks, ctx.color)}\n\n${verdictOf(ctx, failed, account)}`,
    exit: exitOf(failed),
  };
}

/** Adds `doctor`. */
export function register(program: Command): void {
  const command = accountFlags(
    program.command("doctor")
      .description("Can this account and machine trade, and if not, why and what to do.")
      .option("--fix", "mend what costs nothing: folders, the venue's copy of the balance, API credentials")
      .option("--wait <time>", "longest wait for the feeds' first data", FEEDS_WAIT)
      .option("--accept-drift", "the venue's rules changed and somebody has read how"),
  ).addHelpText("after", examples(["doctor --venue sim", "doctor --fix", "doctor --json"]));
  attach(command, "doctor", doctor, { proxy: true });
}
