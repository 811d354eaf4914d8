/**
 * Orders signed before they are wanted, one for each price that the next decision may name, so that sending costs a map
 * look-up. Each may be taken once, for exactly the terms, the tick and the exchange it was signed for. The venue does not look at an
 * order's timestamp for freshness (protocol dossier, 2026-11-21); should it begin to, `maxAgeMs` bounds how old one can be.
 */
import type { Ms, Price } from "../../../core/units.ts";
import { domainKey, type ExchangeDomain } from "./contracts.ts";
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
  readonly token: string;
  readonly order: SignedOrder;
}

/** Both outcomes of eight windows, five prices each, twice over. */
const MAX_RUNGS = 160;
const MAX_AGE_MS = 60_000;

const nameOf = (
  { token, side, orderType, limit, size, spend, protectPrice }: OrderTerms,
  tick: Price,
  domain: ExchangeDomain,
): string =>
  `${token}/${side}/${orderType}/${limit}/${size}/${spend}/${tick}/${protectPrice === true}/${
    domainKey(domain)
  }`;

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
   * Signs an order for these terms; false when there is a good one already. One is made anew after half of its time. Throws
   * ORDER_INVALID for a price off the tick.
   */
  sign(terms: OrderTerms, tick: Price, domain: ExchangeDomain): boolean {
    const { now, salt, signer } = this.options;
    const name = nameOf(terms, tick, domain);
    const known = this.rungs.get(name);
    const at = now();
    if (known !== undefined && isYoung(known, at, this.maxAgeMs / 2)) return false;
    const fields = buildOrder(terms, tick, signer.account, { salt: salt(), timestampMs: at });
    this.rungs.delete(name);
    this.rungs.set(name, { token: terms.token, order: signer.sign(fields, domain) });
    if (this.rungs.size > this.maxRungs) this.rungs.delete(this.rungs.keys().next().value!);
    return true;
  }

  /** The order signed for these terms, which then is gone; null when there is none, or only an old one. */
  take(terms: OrderTerms, tick: Price, domain: ExchangeDomain): SignedOrder | null {
    const name = nameOf(terms, tick, domain);
    const rung = this.rungs.get(name);
    if (rung === undefined) return null;
    this.rungs.delete(name);
    return isYoung(rung, this.options.now(), this.maxAgeMs) ? rung.order : null;
  }

  /** Forgets the orders of a token: nothing signed for it can be sent any more. */
  drop(token: string): void {
    for (const [name, rung] of this.rungs) if (rung.token === token) this.rungs.delete(name);
  }
}

/** One that was signed in the future was signed before the clock stepped back: nobody knows how old it is. */
function isYoung({ order }: Rung, at: Ms, maxMs: number): boolean {
  const age = at - order.fields.timestamp;
  return age >= 0 && age <= maxMs;
}
