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
import { Keeper } from "./keeper.ts";
import { Markets } from "./markets.ts";
import { Sender } from "./sender.ts";

export interface RehearsalPortOptions {
  /** Of a key that has nothing. */
  readonly signer: OrderSigner;
  readonly apiKey: Secret<string>;
  readonly clock: Pick<Clock, "monotonicUs" | "now">;
  readonly salt: () => number;
  /** Makes of a body what would be sent, and sends nothing. */
  readonly encode: (body: string) => void;
}

export interface RehearsalPort extends ExchangePort {
  /** Orders that came to where they would have left. */
  readonly encoded: number;
  close(): void;
}

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} };
/** What the venue says to an order it does not take. */
const REFUSED = { status: 400, body: { error: "not enough balance" } };

/** Opens it. An order is refused in a later turn of the event loop, as by a venue. */
export function openRehearsalPort(options: RehearsalPortOptions): RehearsalPort {
  const { clock, signer } = options;
  const journal = scratchJournal(signer.account.funder.toLowerCase());
  const markets = new Markets();
  let encoded = 0;
  let closed = false;
  const fail = (error: unknown) => {
    // An answer under way finds the journal closed.
    if (!closed) throw error;
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
    submit(body: string) {
      options.encode(body);
      encoded++;
      const at = clock.monotonicUs();
      const stamps = { startUs: at, writtenUs: at, doneUs: at };
      return { sent: true as const, reply: Promise.resolve({ reply: REFUSED, stamps }) };
    },
  };
  const desk = { options: { ...options, entry, log: SILENT }, keeper, markets };
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
    get encoded() {
      return encoded;
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
    close() {
      closed = true;
      journal.close();
    },
  };
}
