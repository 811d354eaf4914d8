/** Our orders by hash, with the number of those that a cancel-all would have to cancel: every order that is sent asks for it. */

/** `rests` says it of one; it is asked again when an order is set, so orders are replaced and never changed in place. */
export class OrderMap<Order> extends Map<string, Order> {
  private resting = 0;

  constructor(private readonly rests: (order: Order) => boolean) {
    super();
  }

  /** Orders that rest or may rest at the venue. */
  get open(): number {
    return this.resting;
  }

  override set(hash: string, order: Order): this {
    this.resting += (this.rests(order) ? 1 : 0) - this.restingAt(hash);
    return super.set(hash, order);
  }

  override delete(hash: string): boolean {
    this.resting -= this.restingAt(hash);
    return super.delete(hash);
  }

  override clear(): void {
    this.resting = 0;
    super.clear();
  }

  private restingAt(hash: string): number {
    const order = this.get(hash);
    return order !== undefined && this.rests(order) ? 1 : 0;
  }
}
