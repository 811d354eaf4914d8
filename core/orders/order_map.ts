/** Our orders by hash, with the number of those that a cancel-all would have to cancel: every order that is sent asks for it. */
import { isEnded } from "./lifecycle_table.ts";
import type { TrackedOrder } from "./lifecycle_types.ts";

const rests = (order: TrackedOrder | undefined): number =>
  order !== undefined && (!isEnded(order.state) || order.disputed) ? 1 : 0;

export class OrderMap extends Map<string, TrackedOrder> {
  private resting = 0;

  /** Orders that rest or may rest at the venue. */
  get open(): number {
    return this.resting;
  }

  override set(hash: string, order: TrackedOrder): this {
    this.resting += rests(order) - rests(this.get(hash));
    return super.set(hash, order);
  }

  override delete(hash: string): boolean {
    this.resting -= rests(this.get(hash));
    return super.delete(hash);
  }

  override clear(): void {
    this.resting = 0;
    super.clear();
  }
}
