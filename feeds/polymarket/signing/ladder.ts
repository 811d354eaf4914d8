/**
 * Orders signed before they are wanted, one for each price that the next decision may name, so that sending costs a map
 * look-up. Each may be taken once, for exactly the terms it was signed for. The venue does not look at an order's timestamp
 * for freshness (protocol dossier, 2026-11-21); should it begin to, `maxAgeMs` bounds how old one can be.
 */
import type { Ms, Price } from "../../../core/units.ts";
import type { ExchangeDomain } from "./contracts.ts";
import type { OrderSigner } from "./fast_signer.ts";
import { buildOrder, type OrderTerms, type SignedOrder } from "./order.ts";

export interface LadderOptions {
  readonly signer: OrderSigner;
  readonly salt: () => number;
  readonly now: () => Ms;
  /** An older signature is not used. */
  readonly maxAgeMs?: number;
  /** Beyond it the longest signed goes first. */
  readonly maxRungs?: number;
}

interface Rung {
  readonly terms: OrderTerms;
  readonly tick: Price;
  readonly order: SignedOrder;
}

/** Both outcomes of eight windows, five prices each, twice over. */
const MAX_RUNGS = 160;
const MAX_AGE_MS = 60_000;

const nameOf = ({ token, side, orderType, limit }: OrderTerms): string =>
  `${token}/${side}/${orderType}/${limit}`;

export class Ladder {
  private readonly rungs = new Map<string, Rung>();
  private readonly maxAgeMs: number;
  private readonly maxRungs: number;

  constructor(private readonly options: LadderOptions) {
    this.maxAgeMs = options.maxAgeMs ?? MAX_AGE_MS;
    this.maxRungs = options.maxRungs ?? MAX_RUNGS;
  }

  /** Orders that are left. */
  get size(): number {
    return this.rungs.size;
  }

  /**
   * Signs an order for these terms; false when there is a good one already. One of other amounts at the same price is
   * replaced, and one is made anew after half of its time. Throws ORDER_INVALID for a price off the tick.
   */
  sign(terms: OrderTerms, tick: Price, domain: ExchangeDomain): boolean {
    const { now, salt, signer } = this.options;
    const name = nameOf(terms);
    const known = this.rungs.get(name);
    const at = now();
    if (known !== undefined && fits(known, terms, tick) && ageOf(known, at) <= this.maxAgeMs / 2) {
      return false;
    }
    const order = signer.sign(
      buildOrder(terms, tick, signer.account, { salt: salt(), timestampMs: at }),
      domain,
    );
    this.rungs.delete(name);
    this.rungs.set(name, { terms: { ...terms }, tick, order });
    if (this.rungs.size > this.maxRungs) this.rungs.delete(this.rungs.keys().next().value!);
    return true;
  }

  /** The order signed for these terms, which then is gone; null when there is none. One that does not fit any more is dropped. */
  take(terms: OrderTerms, tick: Price): SignedOrder | null {
    const name = nameOf(terms);
    const rung = this.rungs.get(name);
    if (rung === undefined) return null;
    this.rungs.delete(name);
    return fits(rung, terms, tick) && ageOf(rung, this.options.now()) <= this.maxAgeMs ? rung.order : null;
  }

  /** Forgets the orders of a token: nothing signed for it can be sent any more. */
  drop(token: string): void {
    for (const [name, { terms }] of this.rungs) if (terms.token === token) this.rungs.delete(name);
  }
}

const fits = (rung: Rung, terms: OrderTerms, tick: Price): boolean =>
  rung.tick === tick && rung.terms.size === terms.size && rung.terms.spend === terms.spend &&
  (rung.terms.protectPrice ?? false) === (terms.protectPrice ?? false);

const ageOf = ({ order }: Rung, at: Ms): number => at - order.fields.timestamp;
