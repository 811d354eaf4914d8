/**
 * What is done between two frames so that the next order leaves sooner: the way of an order is rehearsed, and orders are signed
 * for the prices that the next decision may name. Only in turns in which nothing else waits; nothing here can send anything.
 */
import type { Engine } from "../../core/engine.ts";
import type { Gateway } from "../../feeds/gateway/types.ts";
import type { Rehearsal } from "./rehearsal.ts";

export interface ReadinessOptions {
  readonly engine: Pick<Engine, "observe" | "preview">;
  readonly gateway: Pick<Gateway, "prepare" | "state">;
  /** Null: nothing is rehearsed. */
  readonly rehearsal: Pick<Rehearsal, "pass"> | null;
  /** Orders are signed ahead. */
  readonly signAhead: boolean;
  /** Pause between two turns, wall ms. */
  readonly everyMs: number;
  /** A turn failed; told once, and nothing more is done. */
  readonly onFault: (error: unknown) => void;
}

/** Prices ahead of the best ones on either side, in ticks. */
const TICKS_AHEAD = [0, 1, -1, 2, -2];
/** The orders that may be wanted are looked up in every so manyeth turn. */
const LOOK_EVERY = 4;
const NOTHING = (): void => {};
/** Signed in one turn at most: a signature holds the loop up for a tenth of a millisecond. */
const MOST_A_TURN = 2;

export class Readiness {
  private timer: ReturnType<typeof setInterval> | undefined;
  private turns = 0;
  private failed = false;
  private wanted: ReturnType<Engine["preview"]> = [];
  /** Orders signed ahead since the beginning. */
  signed = 0;

  constructor(private readonly options: ReadinessOptions) {}

  /** Begins; `idle` says that no frame waits. */
  start(idle: () => boolean): void {
    this.timer ??= setInterval(() => {
      if (idle()) this.turn();
    }, this.options.everyMs);
  }

  /** One turn of it. Throws nothing: orders are slower without it, and open ones must not be left alone for its sake. */
  turn(): void {
    if (this.failed) return;
    try {
      this.makeReady();
    } catch (error) {
      this.failed = true;
      this.close();
      this.options.onFault(error);
    }
  }

  private makeReady(): void {
    const { engine, gateway, rehearsal, signAhead } = this.options;
    if (rehearsal !== null) {
      rehearsal.pass();
      // What the next decision will read, of the session itself.
      engine.observe(NOTHING);
    }
    if (!signAhead || gateway.state !== "running") return;
    if (this.turns++ % LOOK_EVERY === 0) this.wanted = engine.preview(TICKS_AHEAD);
    this.signed += gateway.prepare(this.wanted, MOST_A_TURN);
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
