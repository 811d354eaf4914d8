/** Every order of a session with the stamps of its way, from the frame that caused it to the money. */
import type { ExecutionEvent, SubmitIntent } from "../../core/events.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import type { OrderLatency } from "../../feeds/gateway/types.ts";
import type { FrameStamps } from "./frame_trace.ts";
import { type LatencyRecorder, STAGE } from "./latency.ts";

/** Monotonic microseconds of this process; null where a place was not reached (on paper: sign, journal, write). */
export interface OrderStamps {
  readonly orderId: string;
  readonly slug: string;
  readonly asset: string;
  readonly window: string;
  readonly side: string;
  readonly orderType: string;
  /** Venue ms of the event that caused it. */
  readonly bornAtMs: Ms;
  readonly receivedUs: number;
  readonly handledUs: number;
  readonly decodedUs: number;
  readonly bookUs: number;
  readonly featuresUs: number;
  readonly policyUs: number;
  readonly gateUs: number;
  readonly sentUs: number;
  takenUs: number | null;
  signedUs: number | null;
  journalledUs: number | null;
  writtenUs: number | null;
  ackUs: number | null;
  matchedUs: number | null;
  confirmedUs: number | null;
  presigned: boolean | null;
}

interface OpenOrder {
  readonly series: number;
  readonly sentAtMs: Ms;
  readonly row: OrderStamps | null;
  readonly sentUs: number;
  readonly receivedUs: number;
  answered: boolean;
  matchedUs: number | null;
}

/** Rows kept; orders beyond it are measured and not listed. */
const MAX_ROWS = 100_000;
/** Orders whose end was never told are forgotten, oldest first. */
const MAX_OPEN = 10_000;

export class OrderLog {
  readonly rows: OrderStamps[] = [];
  private readonly open = new Map<string, OpenOrder>();

  constructor(
    private readonly latency: LatencyRecorder,
    private readonly monotonicUs: () => number,
    /** The gateway tells the answers' times itself. */
    public measured = false,
  ) {}

  /** An order left the engine at venue time `sentAtMs`. */
  sent(
    intent: SubmitIntent,
    sentAtMs: Ms,
    stamps: FrameStamps,
    of: { instrument: Instrument; series: number },
  ): void {
    const sentUs = this.monotonicUs();
    const { series, instrument } = of;
    this.latency.add(series, STAGE.tickToSend, sentUs - stamps.receivedUs);
    const { receivedUs, handledUs, decodedUs, bookUs, featuresUs, policyUs, gateUs } = stamps;
    const row: OrderStamps | null = this.rows.length >= MAX_ROWS ? null : {
      orderId: intent.orderId,
      slug: instrument.slug,
      asset: instrument.asset,
      window: instrument.duration,
      side: intent.side,
      orderType: intent.orderType,
      bornAtMs: intent.bornAt,
      ...{ receivedUs, handledUs, decodedUs, bookUs, featuresUs, policyUs, gateUs, sentUs },
      ...{ takenUs: null, signedUs: null, journalledUs: null, writtenUs: null, ackUs: null },
      ...{ matchedUs: null, confirmedUs: null, presigned: null },
    };
    if (row !== null) this.rows.push(row);
    const open = { series, sentAtMs, row, sentUs, receivedUs, answered: false, matchedUs: null };
    this.open.set(intent.orderId, open);
    if (this.open.size > MAX_OPEN) this.open.delete(this.open.keys().next().value!);
  }

  /** The gateway's own stamps of an order, once it was answered or given up. */
  wire(of: OrderLatency): void {
    const open = this.open.get(of.orderId);
    if (open === undefined) return;
    const { series, row } = open;
    this.latency.add(series, STAGE.sign, of.signedUs - of.takenUs);
    this.latency.add(series, STAGE.journal, of.journalledUs - of.signedUs);
    if (of.writtenUs !== null) {
      this.latency.add(series, STAGE.write, of.writtenUs - of.journalledUs);
      this.latency.add(series, STAGE.tickToWire, of.writtenUs - open.receivedUs);
      if (of.ackUs !== null) this.latency.add(series, STAGE.acknowledge, of.ackUs - of.writtenUs);
    }
    if (row === null) return;
    row.takenUs = of.takenUs;
    row.signedUs = of.signedUs;
    row.journalledUs = of.journalledUs;
    row.writtenUs = of.writtenUs;
    row.ackUs = of.ackUs;
    row.presigned = of.presigned;
  }

  /** What the exchange had to say of an order. */
  answer(event: ExecutionEvent): void {
    if (event.type === "account") return;
    const open = this.open.get(event.orderId);
    if (open === undefined) return;
    const { series, row } = open;
    if (!open.answered && event.type !== "fillStage") {
      open.answered = true;
      if (!this.measured) {
        this.latency.add(series, STAGE.acknowledge, (event.tReceive - open.sentAtMs) * 1000);
        if (row !== null) row.ackUs = this.monotonicUs();
      }
    }
    if (event.type === "fill" && open.matchedUs === null) {
      open.matchedUs = this.monotonicUs();
      this.latency.add(series, STAGE.match, open.matchedUs - open.sentUs);
      if (row !== null) row.matchedUs = open.matchedUs;
    } else if (event.type === "fillStage" && event.stage === "final" && row?.confirmedUs == null) {
      const now = this.monotonicUs();
      this.latency.add(series, STAGE.confirm, now - (open.matchedUs ?? open.sentUs));
      if (row !== null) row.confirmedUs = now;
    }
  }
}
