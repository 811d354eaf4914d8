/**
 * After a silence (the user socket was down, the venue heard no heartbeat) orders and trades are read again over REST,
 * until it works; meanwhile nothing new is sent.
 */
import { OperationError } from "../../core/errors.ts";
import { type Ms, ms } from "../../core/units.ts";
import { type Desk, now, readOpenOrders, takeTrades } from "./desk.ts";

const MAX_WAIT_MS = 10_000;

export class Resync {
  done = 0;
  /** Orders and trades whose standing was news. */
  findings = 0;
  private active = false;
  private again = false;
  private closed = false;
  private since: Ms | null = null;

  constructor(private readonly desk: Desk, private readonly onBug: (error: unknown) => void) {}

  get running(): boolean {
    return this.active;
  }

  /** The socket's word ended here. */
  lostAt(at: Ms): void {
    this.since = ms(Math.min(this.since ?? at, at));
  }

  /** Starts one, or has the one that runs start over. */
  request(reason: string): void {
    if (this.closed) return;
    this.again = true;
    if (this.active) return;
    this.active = true;
    void this.loop(reason);
  }

  close(): void {
    this.closed = true;
    this.active = false;
  }

  private async loop(reason: string): Promise<void> {
    const { timing, options } = this.desk;
    let wait = timing.roundMs;
    while (!this.closed && this.again) {
      this.again = false;
      try {
        await this.once(reason);
        wait = timing.roundMs;
      } catch (error) {
        if (!(error instanceof OperationError)) {
          this.onBug(error);
          return;
        }
        options.log.warn("orders and trades cannot be read again yet", { reason, error: error.message });
        this.again = true;
        await options.clock.sleep(wait as Ms);
        wait = Math.min(MAX_WAIT_MS, wait * 2);
      }
    }
    this.active = false;
  }

  private async once(reason: string): Promise<void> {
    const { desk } = this;
    const { keeper, timing, options, asker } = desk;
    const begun = now(desk);
    const before = this.standing();
    const listed = await readOpenOrders(desk);
    keeper.setForeignOrders(listed.foreign);
    const from = ms((this.since ?? begun) - timing.overlapMs);
    const { rows } = await options.entry.trades({ afterMs: from });
    takeTrades(desk, rows);
    await asker.idle();
    if (this.closed) return;
    this.since = null;
    let found = 0;
    for (const [id, standing] of this.standing()) if (before.get(id) !== standing) found++;
    this.done++;
    this.findings += found;
    keeper.note("note", { type: "resync", reason, tookMs: now(desk) - begun, trades: rows.length, found });
  }

  /** Orders and trades of ours with their states, those under way before only. */
  private standing(): Map<string, string> {
    const { orders, trades } = this.desk.keeper.wallet.life;
    const all = new Map<string, string>();
    for (const [hash, { state }] of orders) all.set(hash, state);
    for (const [id, { state }] of trades) all.set(id, state);
    return all;
  }
}
