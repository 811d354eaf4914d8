/** Plays a session's record, or a tape, through the engine again and compares every line that leaves it. */
import { Engine, type EngineOptions } from "../../core/engine.ts";
import { InvariantError, OperationError } from "../../core/errors.ts";
import type { Event, Intent, MarketEvent } from "../../core/events.ts";
import { type ExchangePort, Session } from "../../core/session.ts";
import type { Ms } from "../../core/units.ts";
import { DecisionsProof } from "../../feeds/session/decisions_reader.ts";
import { damaged } from "../../feeds/session/errors.ts";
import { decisionRecord, EVENTS_NAME, intentRecord } from "../../feeds/session/format.ts";
import type { RecordedStep, SessionRecording } from "../../feeds/session/reader.ts";
import type { LoadedModel } from "../../models/file/open.ts";
import type { Tape } from "../../feeds/tape/reader.ts";
import type { Admission } from "./admission.ts";
import { DecisionLog } from "./decision_log.ts";
import { describeDifference, type Difference, firstUnequal, RecentEvents } from "./replay_difference.ts";
import { engineOf } from "./session_start.ts";
import { TAPE_DRAIN_MS } from "./tape_session.ts";
import { readFrames } from "./tape_source.ts";

export interface ReplayOutcome {
  readonly events: number;
  /** How often the strategy was asked. */
  readonly evaluations: number;
  /** What it wished that was not a hold; these make the hash. */
  readonly wishes: number;
  readonly intents: number;
  readonly decisionsHash: string;
  readonly firstDifference: Difference | null;
  /** Replay stopped before the end. */
  readonly interrupted: boolean;
}

export interface ReplayOptions {
  readonly onProgress?: (events: number) => void;
  readonly signal?: AbortSignal;
  /** The model that decided, for a session that names one. */
  readonly model?: LoadedModel | null;
}

/** An engine whose outputs are kept as lines. */
class Replica {
  readonly log = new DecisionLog();
  readonly engine: Engine;
  intents = 0;
  /** What left the engine since the caller last emptied it. */
  lines: string[] = [];

  constructor(options: EngineOptions) {
    this.engine = new Engine({
      ...options,
      onDecision: (decision) => this.lines.push(decisionRecord(this.log.add(decision))),
    });
  }

  step(event: Event, more: boolean): string[] {
    this.lines = [];
    for (const intent of this.engine.step(event, more)) this.sent(intent);
    return this.lines;
  }

  sent(intent: Intent): void {
    this.intents++;
    this.lines.push(intentRecord(intent));
  }
}

/** The engine took this event once; that it cannot now means the line is not what was written. */
function stepOf(replica: Replica, recording: SessionRecording, step: RecordedStep): string[] {
  try {
    return replica.step(step.event, step.more);
  } catch (error) {
    if (error instanceof OperationError || error instanceof InvariantError) throw error;
    const why = `the engine cannot take it: ${error instanceof Error ? error.message : String(error)}`;
    throw damaged(`${recording.folder}/${EVENTS_NAME}`, step.line, why, error);
  }
}

const decisionOf = (line: string): string => line.slice('["d",'.length, -1);

/**
 * Replays a session. Reads its record to the end also behind a difference, because damage explains one and is then what
 * must be told. Throws SESSION_DAMAGED, REPLAY_OTHER_CODE, MODEL_NOT_FOUND.
 */
export async function replaySession(
  recording: SessionRecording,
  options: ReplayOptions = {},
): Promise<ReplayOutcome> {
  const replica = new Replica(engineOf(recording.manifest.start, options.model));
  const proof = new DecisionsProof(recording.folder, recording.manifest);
  const recent = new RecentEvents();
  let first: Difference | null = null;
  // The last step of a killed session may lack what left the engine; only the next step shows whether it is the last.
  let unfinished: Difference | null = null;
  let events = 0;
  for await (const batch of recording.steps()) {
    if (options.signal?.aborted) return outcome(replica, events, first, true);
    for (const step of batch) {
      events++;
      first ??= unfinished;
      unfinished = null;
      for (const line of step.outputs) if (line.startsWith('["d"')) await proof.expect(decisionOf(line));
      if (first !== null) continue;
      recent.add(step);
      const got = stepOf(replica, recording, step);
      const at = firstUnequal(step.outputs, got);
      if (at === null) continue;
      const sides = { expected: step.outputs[at] ?? null, got: got[at] ?? null };
      const found = describeDifference(replica.engine, step, recent.before, sides);
      if (sides.expected === null && recording.manifest.state !== "closed") unfinished = found;
      else first = found;
    }
    options.onProgress?.(events);
  }
  await proof.end(recording.warnings);
  if (unfinished !== null) {
    recording.warnings.push({
      code: "SESSION_UNFINISHED",
      message:
        `The session ended inside its last step (line ${unfinished.line}): what it decided there was not recorded`,
    });
  }
  return outcome(replica, events, first, false);
}

function outcome(
  replica: Replica,
  events: number,
  firstDifference: Difference | null,
  interrupted: boolean,
): ReplayOutcome {
  return {
    events,
    evaluations: replica.engine.evaluations,
    wishes: replica.log.count,
    intents: replica.intents,
    decisionsHash: replica.log.hash,
    firstDifference,
    interrupted,
  };
}

export interface TapeReplay {
  /** Makes the engine's options anew: policies have state of their own. */
  readonly engine: () => EngineOptions;
  readonly exchange: () => ExchangePort;
  readonly admission: Admission;
  /** Play it twice side by side, with nothing shared but the events, and compare. */
  readonly verify: boolean;
}

/** Plays a tape as `trade --paper --tape` does. */
export async function replayTape(
  tape: Tape,
  run: TapeReplay,
  options: ReplayOptions = {},
): Promise<ReplayOutcome> {
  const replicas = [new Replica(run.engine()), ...(run.verify ? [new Replica(run.engine())] : [])];
  const sessions = replicas.map((replica) =>
    new Session(replica.engine, run.exchange(), { onIntent: (intent) => replica.sent(intent) })
  );
  const [main, twin] = replicas as [Replica, Replica | undefined];
  const recent = new RecentEvents();
  let events = 0;
  let last = 0;
  let first: Difference | null = null;
  const compare = (event: Event) => {
    if (first === null && twin !== undefined) {
      const at = firstUnequal(main.lines, twin.lines);
      if (at !== null) {
        const sides = { expected: main.lines[at] ?? null, got: twin.lines[at] ?? null };
        first = describeDifference(
          twin.engine,
          { index: events - 1, line: null, event },
          recent.before,
          sides,
        );
      }
    }
    for (const replica of replicas) replica.lines = [];
  };
  const feed = (event: MarketEvent, more: boolean) => {
    events++;
    if (event.tReceive > last) last = event.tReceive;
    if (twin !== undefined) recent.add({ index: events - 1, line: null, event });
    for (const session of sessions) session.feed(event, more);
    compare(event);
  };
  let interrupted = false;
  try {
    await readFrames(
      tape,
      (group) => {
        const taken = group.filter((event) => run.admission.take(event));
        taken.forEach((event, i) => feed(event, i + 1 < taken.length));
      },
      options.onProgress,
      options.signal,
    );
  } catch (error) {
    if (!options.signal?.aborted) throw error;
    interrupted = true;
  }
  const end = (last + TAPE_DRAIN_MS) as Ms;
  for (const session of sessions) session.finish(end);
  compare({ type: "clock", tExchange: end, tReceive: end });
  return outcome(main, events, first, interrupted);
}
