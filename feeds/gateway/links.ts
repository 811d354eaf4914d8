/** Heartbeat and user socket: whether both are heard, and what their silence means. */
import type { Ms } from "../../core/units.ts";
import type { LifeInput } from "../../core/orders/lifecycle_types.ts";
import { type Desk, now } from "./desk.ts";
import { incomplete } from "./opening.ts";
import type { Refused } from "./sender.ts";
import type { HeartbeatLoop, UserFeed } from "./types.ts";

export interface LinkHooks {
  readonly onInput: (input: LifeInput) => void;
  /** Something may have been missed. */
  readonly onBack: (reason: string) => void;
  /** From here on the user socket says nothing. */
  readonly onSilent: (at: Ms) => void;
}

export class Links {
  private heart: HeartbeatLoop | null = null;
  private feed: UserFeed | null = null;
  private readonly alive = Promise.withResolvers<void>();
  private readonly up = Promise.withResolvers<void>();
  private heartLost: string | null = "no heartbeat yet";
  private feedDown: string | null = "not connected yet";

  constructor(private readonly desk: Desk, private readonly hooks: LinkHooks) {}

  /** Opens both and waits until both are heard. Throws RECONCILE_INCOMPLETE. */
  async open(): Promise<void> {
    const { desk, hooks } = this;
    this.heart = desk.options.openHeartbeat({
      onAlive: () => {
        if (this.heartLost === null) return;
        this.heartLost = null;
        this.alive.resolve();
        hooks.onBack("heartbeat");
      },
      onLost: (reason) => {
        if (this.heartLost !== null) return;
        this.heartLost = reason;
        desk.alarm("HEARTBEAT_LOST", reason);
      },
    });
    this.feed = desk.options.openUserFeed({
      onInput: hooks.onInput,
      onUp: () => {
        this.feedDown = null;
        this.up.resolve();
        hooks.onBack("user socket");
      },
      onDown: (reason) => {
        if (this.feedDown === null) hooks.onSilent(now(desk));
        this.feedDown = reason;
      },
    });
    await this.within(this.alive.promise, "the heartbeat is not answered");
    await this.within(this.up.promise, "the user socket does not open");
  }

  refusal(): Refused | null {
    if (this.heartLost !== null) return { code: "HEARTBEAT_LOST", message: this.heartLost };
    if (this.feedDown !== null) return { code: "USER_FEED_DOWN", message: this.feedDown };
    return null;
  }

  /** The venue took an order at or after `since`: the socket should speak of it. */
  expect(hash: string, since: Ms): void {
    this.feed?.noteActivityExpected?.(hash, since);
  }

  async close(): Promise<void> {
    for (const link of [this.feed, this.heart]) {
      try {
        await link?.close();
      } catch (error) {
        this.desk.options.log.warn("a link did not close well", { error: String(error) });
      }
    }
  }

  private async within(wait: Promise<void>, what: string): Promise<void> {
    const { options, timing } = this.desk;
    const stop = new AbortController();
    const late = options.clock.sleep(timing.connectMs as Ms, stop.signal).then(
      () => true,
      () => false,
    );
    const isLate = await Promise.race([wait.then(() => false), late]);
    stop.abort();
    if (isLate) throw incomplete(what);
  }
}
