/**
 * The gateway's way of an order with nothing at its end: the same sender, signature, journal rows and body, by a key and a
 * journal of its own that are gone with the process, and an exchange that refuses everything. See `commands/trading/rehearsal.ts`
 * for what it is good for.
 */
import type { Intent, MarketEvent } from "../../core/events.ts";
import type { ExchangePort } from "../../core/session.ts";
import type { Usdc } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import { resumeState } from "../journal/state.ts";
import { scratchJournal } from "../journal/journal.ts";
import type { Secret } from "../keys/secret.ts";
import type { OrderSigner } from "../polymarket/signing/fast_signer.ts";
import type { PreparedOrder } from "../polymarket/order_entry/types.ts";
import type { SignedOrder } from "../polymarket/signing/order.ts";
import { Keeper } from "./keeper.ts";
import { Markets } from "./markets.ts";
import { Sender } from "./sender.ts";

export interface RehearsalPortOptions {
  /** Of a key that has nothing. */
  readonly signer: OrderSigner;
  readonly apiKey: Secret<string>;
  readonly clock: Pick<Clock, "monotonicUs" | "now">;
  readonly salt: () => number;
  /** As order entry's. */
  readonly rehearse: (body: string) => void;
}

export interface RehearsalPort extends ExchangePort {
  /** Orders that were made ready to leave. */
  readonly prepared: number;
  close(): void;
}

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} };
/** What order entry says of an order that it does not send. */
const REFUSED = { sent: false, code: "REHEARSED", message: "nothing is sent" } as const;
/** Of so many orders one is signed: the others' signatures are ready as a rule. */
const SIGN_EVERY = 8;

/** A signer whose orders are signed now and then, and have another id each. */
function seldom(signer: OrderSigner): OrderSigner {
  let last: SignedOrder | null = null;
  let count = 0;
  return {
    ...signer,
    sign(fields, domain) {
      count++;
      if (last === null || count % SIGN_EVERY === 0) return last = signer.sign(fields, domain);
      return { fields, hash: `0x${count.toString(16).padStart(64, "0")}`, signature: last.signature };
    },
  };
}

/** Opens it. Every order is refused at once. */
export function openRehearsalPort(options: RehearsalPortOptions): RehearsalPort {
  const { clock } = options;
  const signer = seldom(options.signer);
  const journal = scratchJournal(signer.account.funder.toLowerCase());
  const markets = new Markets();
  let prepared = 0;
  const fail = (error: unknown) => {
    throw error;
  };
  const keeper = new Keeper(journal, resumeState(journal, clock.now()), {
    now: () => clock.now(),
    onActions: () => {},
    onAlarm: () => {},
    beforeFinal: (_fill, tell) => tell(),
    onNews: () => {},
    onBroken: fail,
  });
  keeper.translator.begin({ at: clock.now(), bankroll: 0 as Usdc, foreignPositions: [], foreignOrders: [] });
  const entry = {
    prepare(body: string): PreparedOrder {
      prepared++;
      options.rehearse(body);
      return { body, request: null };
    },
    submit: () => REFUSED,
  };
  const desk = { options: { ...options, entry, log: SILENT, signer }, keeper, markets };
  const sender = new Sender({ ...desk, asker: { askOrderNow: () => {} } }, {
    onBug: fail,
    onTaken: () => {},
  });
  const refuse = (intent: Intent, refused: ReturnType<Sender["send"]>) => {
    if (refused === null) return;
    const at = clock.now();
    const { orderId } = intent as Extract<Intent, { type: "submit" }>;
    keeper.translator.push({ type: "orderRejected", tExchange: at, tReceive: at, orderId, ...refused });
  };
  return {
    get prepared() {
      return prepared;
    },
    observe: (event: MarketEvent) => void markets.observe(event),
    advance: () => keeper.translator.drain(),
    submit(intent) {
      if (intent.type === "submit") refuse(intent, sender.send(intent));
    },
    submitAll(intents) {
      const orders = intents.filter((intent) => intent.type === "submit");
      for (const [i, refused] of sender.sendAll(orders).entries()) refuse(orders[i]!, refused);
    },
    close: () => journal.close(),
  };
}
