/** `poly-edge replay`: a recorded session, or a tape, through the same code again. */
import { join } from "node:path";
import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { ExchangeModel } from "../core/exchange/exchange_model.ts";
import { EVENTS_NAME } from "../feeds/session/format.ts";
import { isSession, openSession } from "../feeds/session/reader.ts";
import { isTape } from "../feeds/tape/reader.ts";
import type { LoadedModel } from "../models/file/open.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { countText, facts } from "./output.ts";
import { parseCount } from "./parse.ts";
import { attach, examples } from "./run.ts";
import type { Difference } from "./trading/replay_difference.ts";
import { checkOneDecides, loadModel, modelOfSession } from "./trading/models.ts";
import { type ReplayOutcome, replaySession, replayTape } from "./trading/replay_run.ts";
import { codeDifference } from "./trading/session_start.ts";
import { engineOptions, paperOptions } from "./trading/settings.ts";
import { forTape, tapeWindows } from "./trading/tape_session.ts";
import { openWithCodecs } from "./trading/tape_source.ts";

const DEFAULT_SEED = 42;
/** A line of context is cut here for people; `--json` has it whole. */
const CONTEXT_CHARS = 220;

/** Adds `replay` to the program. */
export function register(program: Command): void {
  attach(
    program.command("replay")
      .description("play a session or a tape through the engine again and compare every decision")
      .argument("<tape-or-session>", "a tape's folder, a session's folder, or the name of a session")
      .option("--verify", "exit 0 only if every decision is byte-equal (a tape is played twice)")
      .option("--strategy <name>", "tapes only: the strategy, as for trade")
      .option(
        "--model <file>",
        "tapes: the model that decides; sessions: the one that decided, if --data has it not",
      )
      .option("--asset <list>", "tapes only: assets, for example btc,eth")
      .option("--duration <list>", "tapes only: window lengths: 5m,15m,4h")
      .option("--size <pUSD>", "tapes only: stake of one trade (sizing.usdc)")
      .option("--seed <n>", "tapes only: seed of strategies that draw", String(DEFAULT_SEED))
      .addHelpText(
        "after",
        examples([
          "replay paper-20261121T093000Z-4f2a --verify",
          "replay data/sessions/paper-20261121T093000Z-4f2a --verify --json",
          "replay tapes/btc5m --strategy fair-value",
        ]),
      ),
    "replay",
    replay,
    {
      configFlags: {
        asset: "assets",
        duration: "durations",
        strategy: "strategy.name",
        size: "sizing.usdc",
      },
    },
  );
}

interface Source {
  readonly kind: "session" | "tape";
  readonly path: string;
}

const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false);

/** A folder, or the name of a session below the data folder. Throws NOT_A_SESSION. */
async function find(ctx: CommandContext, given: string): Promise<Source> {
  for (const path of [given, join(ctx.dataDir, "sessions", given)]) {
    if (await isTape(path)) return { kind: "tape", path };
    // A session without its session.json is damaged, not absent.
    if (await isSession(path) || await exists(join(path, EVENTS_NAME))) return { kind: "session", path };
  }
  throw new OperationError({
    code: "NOT_A_SESSION",
    message: `Cannot replay ${given}: it is neither a tape nor a session, and ${
      join(ctx.dataDir, "sessions")
    } has none of that name`,
    hint: "Pass a folder with tape.json or session.json, or a session's name as `trade` printed it.",
  });
}

async function replay(
  ctx: CommandContext,
  args: string[],
  given: Record<string, unknown>,
): Promise<CommandResult> {
  const source = await find(ctx, args[0]!);
  const verify = given["verify"] === true;
  const path = typeof given["model"] === "string" ? given["model"] : null;
  return source.kind === "session"
    ? await ofSession(ctx, source.path, verify, path)
    : await ofTape(ctx, source.path, verify, given);
}

async function ofSession(
  ctx: CommandContext,
  path: string,
  verify: boolean,
  modelPath: string | null,
): Promise<CommandResult> {
  const recording = await openSession(path);
  const { start, record } = recording.manifest;
  const model = await modelOfSession(ctx, start, modelPath);
  const other = codeDifference(start);
  if (other !== null) {
    ctx.warn({ code: "REPLAY_OTHER_CODE", message: `${start.id} was recorded by other code: ${other}` });
  }
  const outcome = await withProgress(
    ctx,
    record?.events ?? 0,
    (onProgress) => replaySession(recording, { onProgress, signal: ctx.signal, model }),
  ).finally(() => model?.close());
  for (const warning of recording.warnings) ctx.warn(warning);
  const stated = recording.manifest.decisionsHash;
  return finish(ctx, outcome, {
    verify,
    source: path,
    other,
    basis:
      `every event of the ${start.mode} session ${start.id} in its recorded order, orders' answers included; ` +
      "compared with what left the engine then" +
      (stated === null ? " (the session was not ended in order)" : ""),
    extra: {
      session: start.id,
      mode: start.mode,
      strategy: start.strategy.name,
      state: recording.manifest.state,
    },
  });
}

async function ofTape(
  ctx: CommandContext,
  path: string,
  verify: boolean,
  given: Record<string, unknown>,
): Promise<CommandResult> {
  const modelPath = typeof given["model"] === "string" ? given["model"] : null;
  checkOneDecides(modelPath, given["strategy"]);
  const model = modelPath === null ? null : await loadModel(ctx, modelPath);
  try {
    return await playTape(ctx, path, verify, given, model);
  } finally {
    model?.close();
  }
}

async function playTape(
  ctx: CommandContext,
  path: string,
  verify: boolean,
  given: Record<string, unknown>,
  model: LoadedModel | null,
): Promise<CommandResult> {
  const tape = await openWithCodecs(path);
  const seed = parseCount(String(given["seed"] ?? DEFAULT_SEED), "--seed", 0, Number.MAX_SAFE_INTEGER);
  const strategy = ctx.config.strategy.name;
  const settings = { strategy, seed, stops: true, model };
  const { limits } = forTape(
    ctx,
    tape.manifest,
    path,
    engineOptions(ctx.config, settings),
  );
  const outcome = await withProgress(ctx, tape.manifest.events, (onProgress) =>
    replayTape(tape, {
      engine: () => ({ ...engineOptions(ctx.config, settings), limits }),
      exchange: () => new ExchangeModel(paperOptions(ctx.config)),
      admission: tapeWindows(ctx, given),
      verify,
    }, { onProgress, signal: ctx.signal }));
  for (const warning of tape.warnings) ctx.warn(warning);
  return finish(ctx, outcome, {
    verify,
    source: path,
    other: null,
    basis: verify
      ? "the tape's events, orders filled by the simulated exchange, played twice side by side and compared"
      : "the tape's events, orders filled by the simulated exchange, as trade --paper --tape; nothing to compare with",
    extra: { tape: path, strategy: model?.name ?? strategy },
  });
}

async function withProgress(
  ctx: CommandContext,
  total: number,
  run: (onProgress: (events: number) => void) => Promise<ReplayOutcome>,
): Promise<ReplayOutcome> {
  const progress = ctx.progress("replay");
  try {
    return await run((events) => progress.update(events, Math.max(events, total), "events"));
  } finally {
    progress.stop();
  }
}

interface Judgement {
  readonly verify: boolean;
  readonly source: string;
  /** How the recording code differs from this one. */
  readonly other: string | null;
  readonly basis: string;
  readonly extra: Record<string, unknown>;
}

function finish(ctx: CommandContext, outcome: ReplayOutcome, judged: Judgement): CommandResult {
  const { firstDifference: difference, interrupted } = outcome;
  if (difference !== null) {
    if (judged.verify) throw differs(judged, difference);
    ctx.warn({ code: "REPLAY_DIFFERS", message: sentence(judged.source, difference) });
  }
  if (interrupted) ctx.warn({ code: "STOPPED_EARLY", message: "It was not replayed to its end." });
  const data = {
    ...judged.extra,
    events: outcome.events,
    decisions: outcome.evaluations,
    wishes: outcome.wishes,
    intents: outcome.intents,
    decisionsHash: outcome.decisionsHash,
    firstDifference: difference,
    verified: judged.verify && !interrupted,
    basis: judged.basis,
  };
  const text = [
    facts([
      ["replayed", judged.source],
      ["events", countText(outcome.events)],
      ["decisions", `${countText(outcome.evaluations)}, of these wishes ${countText(outcome.wishes)}`],
      ["hash", outcome.decisionsHash],
      ["difference", difference === null ? "none" : "see below"],
      ["basis", judged.basis],
    ], ctx.color),
    ...(difference === null ? [] : [differenceText(difference)]),
  ].join("\n\n");
  return { data, text, ...(interrupted ? { exit: 5 as const } : {}) };
}

const cut = (text: string): string =>
  text.length > CONTEXT_CHARS ? `${text.slice(0, CONTEXT_CHARS)}...` : text;
const placeOf = (
  at: { readonly line: number | null; readonly step?: number; readonly index?: number },
): string => at.line === null ? `event ${at.step ?? at.index}` : `${EVENTS_NAME}:${at.line}`;

const sentence = (source: string, difference: Difference): string =>
  `${source} decides otherwise at ${placeOf(difference)}: expected ${difference.expected ?? "nothing"}, got ${
    difference.got ?? "nothing"
  }`;

function differenceText(difference: Difference): string {
  return [
    `first difference at ${placeOf(difference)}`,
    `  expected ${difference.expected ?? "nothing"}`,
    `  got      ${difference.got ?? "nothing"}`,
    `  event    ${cut(JSON.stringify(difference.event))}`,
    ...difference.before.map((placed) =>
      `  before   ${placeOf(placed)} ${cut(JSON.stringify(placed.event))}`
    ),
    `  window   ${JSON.stringify(difference.window)}`,
    `  engine   ${JSON.stringify(difference.engine)}`,
  ].join("\n");
}

function differs(judged: Judgement, difference: Difference): OperationError {
  const message = `Cannot verify ${sentence(judged.source, difference)}`;
  return new OperationError({
    code: judged.other === null ? "REPLAY_DIFFERS" : "REPLAY_OTHER_CODE",
    message: judged.other === null ? message : `${message}; it was recorded by other code (${judged.other})`,
    hint: judged.other === null
      ? `The record is whole, so this program decides otherwise than it did. Context:\n${
        differenceText(difference)
      }`
      : `Replay it with the version that recorded it. Context:\n${differenceText(difference)}`,
    details: { firstDifference: difference },
  });
}
