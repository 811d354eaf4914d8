/**
 * A session's folder as something to look at: its record is played through the same recorder that a running session has.
 * Nothing is simulated and nothing is sent: answers to orders come from the record too. A folder that is still written to
 * is followed.
 */
import { join } from "node:path";
import { readFile } from "node:fs/promises";
import type { Event, ExecutionEvent, MarketEvent } from "../../core/events.ts";
import type { ExchangePort } from "../../core/session.ts";
import { ms } from "../../core/units.ts";
import { parseManifest, SESSION_NAME, type SessionManifest } from "../../feeds/session/format.ts";
import { openSession, type RecordedStep, type SessionRecording } from "../../feeds/session/reader.ts";
import { SessionRecorder } from "../trading/recorder.ts";
import { engineOf } from "../trading/session_start.ts";
import { SessionObserver } from "./observer.ts";

/** Events played before other work gets its turn. */
const TURN_EVENTS = 4096;

type Answer = ExecutionEvent;

const isAnswer = (event: Event): event is Answer =>
  event.type === "orderAccepted" || event.type === "orderRejected" || event.type === "fill" ||
  event.type === "orderDone" || event.type === "orderUnknown" || event.type === "fillStage" ||
  event.type === "account";

/** Gives back the recorded answers, each before the market event that stood behind it. */
class RecordedAnswers implements ExchangePort {
  /** Answers before each market event of the frame being fed, then those behind it. */
  private readonly groups: Answer[][] = [[]];

  add(answer: Answer): void {
    this.groups.at(-1)!.push(answer);
  }

  /** What comes next belongs before a later market event. */
  next(): void {
    this.groups.push([]);
  }

  advance(): readonly Answer[] {
    return this.groups[0]!.splice(0);
  }

  observe(): void {
    if (this.groups.length > 1) this.groups.shift();
  }

  submit(): void {
    // What came of it is in the record.
  }
}

/** Plays recorded steps. */
export class RecordPlayer {
  readonly observer = new SessionObserver();
  readonly recorder: SessionRecorder;
  private readonly answers = new RecordedAnswers();
  private frame: MarketEvent[] = [];

  /** Throws REPLAY_OTHER_CODE when this program cannot make the session's engine. */
  constructor(readonly manifest: SessionManifest) {
    this.recorder = new SessionRecorder({
      engine: engineOf(manifest.start),
      exchange: this.answers,
      // What the record took to be made is not in it; how long its playing takes is nobody's business.
      monotonicUs: () => 0,
      observer: this.observer,
    });
  }

  step({ event, more }: RecordedStep): void {
    if (isAnswer(event)) return this.answers.add(event);
    this.frame.push(event);
    this.answers.next();
    if (more) return;
    const { frame } = this;
    this.frame = [];
    this.recorder.frame(frame);
  }

  /** Answers behind the last frame. */
  settle(): void {
    if (this.frame.length === 0) this.recorder.pump(ms(this.recorder.lastEventMs));
  }
}

/** The folder's session.json anew: whether its writer has finished meanwhile. */
export async function manifestOf(folder: string): Promise<SessionManifest> {
  const path = join(folder, SESSION_NAME);
  return parseManifest(await readFile(path, "utf8"), path);
}

/** Opens a folder for playing. Throws FILE_NOT_FOUND, NOT_A_SESSION, SESSION_DAMAGED, REPLAY_OTHER_CODE. */
export async function openPlayer(
  folder: string,
): Promise<{ recording: SessionRecording; player: RecordPlayer }> {
  const recording = await openSession(folder);
  return { recording, player: new RecordPlayer(recording.manifest) };
}

/**
 * Plays what the record holds beyond its first `known` events; returns how many it holds now. Gives way to other work every
 * few thousand events, and ends early at the signal. Throws SESSION_DAMAGED.
 */
export async function playFrom(
  recording: SessionRecording,
  player: RecordPlayer,
  known: number,
  signal: AbortSignal,
): Promise<number> {
  let played = known;
  let turn = 0;
  for await (const batch of recording.steps()) {
    if (signal.aborted) return played;
    for (const step of batch) {
      if (step.index < known) continue;
      player.step(step);
      played = step.index + 1;
      turn++;
    }
    if (turn >= TURN_EVENTS) {
      turn = 0;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  player.settle();
  return played;
}
