/**
 * What `trade --live` has that paper trading has not: a wallet, a journal, the gateway, and what may stop it. The engine,
 * the feeds and the report are the same.
 */
import { join } from "node:path";
import type { EngineOptions } from "../../core/engine.ts";
import { InvariantError } from "../../core/errors.ts";
import type { KillLimits } from "../../core/risk/kill_switch.ts";
import { type Ms, ms, parseDecimal, type Usdc } from "../../core/units.ts";
import { mayRest } from "../../feeds/gateway/desk.ts";
import { openGateway } from "../../feeds/gateway/gateway.ts";
import type {
  Gateway,
  GatewayAlarm,
  OrderLatency,
  StartReport,
  StopReport,
} from "../../feeds/gateway/types.ts";
import { openJournal } from "../../feeds/journal/journal.ts";
import type { ApiCredentials } from "../../feeds/polymarket/polybolt_session.ts";
import { Secret } from "../../feeds/keys/secret.ts";
import { openHeartbeat } from "../../feeds/polymarket/order_entry/heartbeat.ts";
import { openSigner } from "../../feeds/polymarket/signing/account.ts";
import { type Curve, openCurve } from "../../feeds/polymarket/signing/curve.ts";
import { type FillRandom, saltSource } from "../../feeds/polymarket/signing/order.ts";
import { openUserSession } from "../../feeds/polymarket/user_session.ts";
import type { OpenAccount } from "../account.ts";
import type { CommandContext, OpenVenue } from "../command.ts";
import type { Config } from "../config/schema.ts";
import { leavesBehind, type Left } from "../run.ts";
import { type KillReason, KillWatch } from "./kill_watch.ts";
import { readRules } from "./doctor_record.ts";
import type { LatencyMeter } from "./latency_meter.ts";
import type { RunHooks } from "./live_source.ts";
import { OldWindows } from "./old_windows.ts";
import { Readiness } from "./readiness.ts";
import { openRehearsal, type Rehearsal } from "./rehearsal.ts";
import type { SessionRecorder } from "./recorder.ts";
import { type Drift, driftText, VenueSentinel } from "./sentinel.ts";

/** Looks at the latch file, ms of the venue's clock: `kill` stops new orders within a second. */
const LATCH_EVERY_MS = 250;

/** `kill` of the configuration in base units. */
export function killLimits({ kill }: Config): KillLimits {
  return {
    maxApiErrorsPerMinute: kill.maxApiErrorsPerMinute,
    maxLatencyMs: kill.maxLatencyMs,
    latencySamples: kill.latencySamples,
    maxUnrealisedLoss: parseDecimal(kill.maxUnrealisedLossUsdc, 6) as Usdc,
    maxDrawdownFraction: kill.maxDrawdownFraction,
  };
}

const random: FillRandom = (into) => void crypto.getRandomValues(into);

/** Pause between two looks at what may be signed ahead, when nothing is rehearsed. Wall ms. */
const TURN_MS = 5;
/** Passes of the rehearsal before the first frame: the compiler has done its work by then. */
const FIRST_PASSES = 1_500;

async function newCurve(): Promise<Curve> {
  const seed = new Uint8Array(32);
  random(seed);
  return await openCurve(new Secret(seed));
}

/** The rehearsal of an account's orders, warm; null when it is not wanted. */
async function rehearsalOf(
  ctx: CommandContext,
  { account, entry, venue }: OpenAccount,
  of: { readonly engine: EngineOptions; readonly curve: Curve; readonly gateway: Gateway },
): Promise<Rehearsal | null> {
  const { assets, durations, latency } = ctx.config;
  if (latency.rehearseEveryMs === 0) return null;
  const rehearsal = await openRehearsal({
    ...{ engine: of.engine, curve: of.curve, random },
    windows: assets.length * durations.length,
    signatureType: account.signatureType,
    rehearse: (body) => {
      of.gateway.refusal();
      entry.rehearse?.(body);
    },
    monotonicUs: () => venue.clock.monotonicUs(),
  });
  try {
    await rehearsal.run(FIRST_PASSES, ctx.signal);
  } catch (error) {
    rehearsal.close();
    throw error;
  }
  return rehearsal;
}

/** Heartbeats are the round trips that happen also when nothing is traded. */
const timedBeats = (
  { entry, venue: { clock } }: OpenAccount,
  trip: (ms: number) => void = () => {},
): Pick<OpenAccount["entry"], "heartbeat"> => ({
  async heartbeat(id) {
    const fromUs = clock.monotonicUs();
    const answer = await entry.heartbeat(id);
    if (answer.kind !== "failed") trip((clock.monotonicUs() - fromUs) / 1000);
    return answer;
  },
});

/** Opens the gateway of an account whose key is unlocked. Throws WALLET_IN_USE and what the journal and the signer throw. */
export async function gatewayOf(
  ctx: CommandContext,
  account: OpenAccount,
  to: {
    readonly ready: () => void;
    readonly alarm: (alarm: GatewayAlarm) => void;
    readonly latency: (latency: OrderLatency) => void;
    /** A heartbeat was answered after so many ms. */
    readonly trip?: (ms: number) => void;
    /** Signs; opened here when absent. */
    readonly curve?: Curve;
  },
): Promise<Gateway> {
  const { pair, secrets, entry, network } = account;
  const { clock, profile } = account.venue;
  if (pair === null) throw new InvariantError("live trading has its key");
  const signer = await openSigner({
    ...{ account: account.account, key: pair.key, random },
    ...(to.curve === undefined ? {} : { curve: to.curve }),
  });
  const journal = openJournal({
    folder: join(ctx.dataDir, "journal"),
    wallet: account.account.funder,
    owner: { pid: Deno.pid, startedAtMs: Date.now() },
  });
  try {
    return await openGateway({
      signer,
      apiKey: secrets.apiKey,
      entry,
      openUserFeed: (handlers) =>
        openUserSession({ profile, clock, network, secrets, log: ctx.log, random: Math.random, ...handlers }),
      openHeartbeat: (handlers) =>
        openHeartbeat({ clock, entry: timedBeats(account, to.trip), log: ctx.log, ...handlers }),
      journal,
      latchFolder: join(ctx.dataDir, "latches"),
      clock,
      salt: saltSource(random),
      log: ctx.log,
      onReady: to.ready,
      onAlarm: to.alarm,
      onLatency: to.latency,
      timing: { latchEveryMs: LATCH_EVERY_MS },
    });
  } catch (error) {
    journal.close();
    throw error;
  }
}

/** `work`, or the signal's reason as soon as it comes; `work` is then left to itself. */
async function orStopped<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const stopped = Promise.withResolvers<never>();
  const onAbort = () => stopped.reject(signal.reason);
  work.catch(() => {});
  stopped.promise.catch(() => {});
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, stopped.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** A live session's own parts, from the opened wallet to the proof that nothing of ours is open. */
export class LiveTrading {
  /** Why trading was stopped before its time, or null. */
  killed: KillReason | null = null;
  ended: StopReport | null = null;
  private recorder: SessionRecorder | null = null;
  private meter: LatencyMeter | null = null;
  private closing: Promise<void> | null = null;
  /** Compares what is listed with what was accepted. */
  readonly sentinel: VenueSentinel;
  private readiness: Readiness | null = null;
  private readonly oldWindows: OldWindows;

  private constructor(
    private readonly ctx: CommandContext,
    private readonly account: OpenAccount,
    readonly gateway: Gateway,
    readonly started: StartReport,
    private readonly watch: KillWatch,
    private readonly rehearsal: Rehearsal | null,
  ) {
    const { http, venue } = account;
    this.sentinel = new VenueSentinel({
      accepted: readRules(ctx.dataDir, venue.profile.clob)?.rules ?? {},
      onDrift: (drift) => this.drifted(drift),
    });
    this.oldWindows = new OldWindows({
      http,
      clob: venue.profile.clob,
      clock: venue.clock,
      log: ctx.log,
      emit: (event) => this.recorder?.frame([event]),
    });
  }

  /**
   * Opens the gateway and makes journal and venue agree. On failure everything it opened is closed. `engine`: as the session's,
   * with a policy of its own, for rehearsing.
   */
  static async open(
    ctx: CommandContext,
    account: OpenAccount,
    engine: () => EngineOptions,
  ): Promise<LiveTrading> {
    const curve = await newCurve();
    const watch = new KillWatch(killLimits(ctx.config), account.entry);
    let trading: LiveTrading | null = null;
    const gateway = await gatewayOf(ctx, account, {
      ready: () => trading?.pump(),
      alarm: (alarm) => {
        ctx.log.warn("gateway alarm", { code: alarm.code, detail: alarm.detail });
        watch.alarm(alarm);
      },
      latency: (latency) => {
        watch.latency(latency);
        trading?.recorder?.wire(latency);
        const { ackUs, writtenUs } = latency;
        if (ackUs !== null && writtenUs !== null) trading?.meter?.trip((ackUs - writtenUs) / 1000);
      },
      trip: (ms) => trading?.meter?.trip(ms),
      curve,
    });
    leavesBehind(ctx, "trade", () => leftOf(gateway, trading?.ended ?? null));
    let rehearsal: Rehearsal | null = null;
    try {
      // Before the start: what fails until then leaves the orders of others on this key alone.
      rehearsal = await rehearsalOf(ctx, account, { engine: engine(), curve, gateway });
      const started = await orStopped(ctx.signal, gateway.start());
      // Connections stand before the first order, which would wait for their handshakes.
      await account.entry.warm();
      trading = new LiveTrading(ctx, account, gateway, started, watch, rehearsal);
      return trading;
    } catch (error) {
      rehearsal?.close();
      await gateway.abort(error instanceof Error ? error.message : String(error));
      const left = leftOf(gateway, null);
      // Without an order that may rest nobody has anything to do: the start sends nothing.
      if (left !== null && restingHashes(gateway).length > 0) {
        ctx.warn({ code: left.code, message: left.message });
      }
      throw error;
    }
  }

  get venue(): OpenVenue {
    return this.account.venue;
  }

  /** Address that holds the funds. */
  get wallet(): string {
    return this.account.account.funder;
  }

  /** Any API key opens the price socket; this one's values do not leave the process otherwise. */
  get priceCredentials(): ApiCredentials {
    const { apiKey, secret, passphrase } = this.account.secrets;
    return { apiKey: apiKey.reveal(), secret: secret.reveal(), passphrase: passphrase.reveal() };
  }

  /** Tells whose engine the gateway serves, and hands it what the account holds. */
  bind(recorder: SessionRecorder, meter: LatencyMeter): void {
    this.recorder = recorder;
    this.meter = meter;
    recorder.orderLog.measured = true;
    const { rehearseEveryMs, signAhead } = this.ctx.config.latency;
    const { gateway, rehearsal } = this;
    if (rehearsal !== null || signAhead) {
      const everyMs = rehearseEveryMs === 0 ? TURN_MS : rehearseEveryMs;
      this.readiness = new Readiness({
        ...{ engine: recorder.engine, gateway, rehearsal, signAhead, everyMs },
        onFault: (error) =>
          this.ctx.log.error("orders are not kept ready any more: a fault inside the program", {
            error: String(error),
          }),
      });
    }
    this.pump();
  }

  get hooks(): RunHooks {
    return {
      judge: (events) => this.sentinel.judge(events),
      opened: (feeds) => this.readiness?.start(() => feeds.queue().waiting === 0),
      tick: (now) => this.tick(now),
      latency: (now) => this.meter?.due(now) ?? null,
      stopped: async () => {
        this.ended = await this.gateway.stop();
        this.pump();
      },
    };
  }

  private pump(): void {
    const { recorder } = this;
    if (recorder === null) return;
    recorder.pump(ms(Math.max(this.account.venue.clock.now(), recorder.lastEventMs)));
  }

  /** What rests in a window that changed under it is taken back; the engine sends nothing more for it. */
  private drifted(drift: Drift): void {
    const { changes, conditionId, slug } = drift;
    this.ctx.log.error("the venue's rules changed: nothing is sent for this window", {
      code: "VENUE_DRIFT",
      slug,
      changes,
    });
    this.gateway.cancelWindow(conditionId);
  }

  private tick(now: Ms): string | null {
    const { gateway, recorder } = this;
    gateway.tick();
    this.pump();
    if (recorder === null) return null;
    const { engine } = recorder;
    this.oldWindows.tick(engine);
    const refusal = gateway.refusal();
    const refused = { code: refusal?.code ?? "LATCHED", reason: refusal?.message ?? gateway.state };
    // Somebody else's latch is on disk already; a broken gateway's is not.
    if (gateway.state === "latched") this.killed ??= refused;
    const broken = gateway.state === "broken" ? refused : null;
    const reason = this.killed ?? broken ?? this.watch.check(engine, now) ??
      (engine.latch === null ? null : { code: engine.latch, reason: "a limit of the engine was hit" });
    if (reason === null) return null;
    if (this.killed === null) {
      this.killed = reason;
      void gateway.trip({ ...reason, who: `trade, process ${Deno.pid}` }).catch((error: unknown) =>
        this.ctx.log.error("the latch could not be set", { message: String(error) })
      );
    }
    return `${reason.code}: ${reason.reason}`;
  }

  /** Ends what is not ended yet, once. Throws nothing: what could not be done is logged and in `ended`. */
  close(failed: unknown): Promise<void> {
    this.closing ??= this.shutDown(failed);
    return this.closing;
  }

  private async shutDown(failed: unknown): Promise<void> {
    this.readiness?.close();
    this.rehearsal?.close();
    // Orders must not wait for questions about windows that are over.
    const asked = this.oldWindows.close();
    try {
      if (this.ended === null) {
        if (failed instanceof InvariantError) await this.gateway.abort(failed.message);
        else this.ended = await this.gateway.stop();
      }
      await asked;
    } catch (error) {
      this.ctx.log.error("orders could not be cancelled at the end", { message: String(error) });
      await this.gateway.abort("the stop failed");
    } finally {
      await this.account.close();
    }
  }
}

const restingHashes = ({ wallet }: Pick<Gateway, "wallet">): string[] =>
  [...wallet.life.orders.values()].filter(mayRest).map(({ terms }) => terms.hash);

/** Hashes that are named; more are only counted. */
const MAX_NAMED = 5;

/** What may be open of a session that ends now; null when the venue's own listing has shown that nothing is. */
export function leftOf(gateway: Pick<Gateway, "wallet">, ended: StopReport | null): Left | null {
  if (ended?.proved === true && ended.openAfter.length === 0) return null;
  const hashes = ended?.openAfter ?? restingHashes(gateway);
  const named = hashes.slice(0, MAX_NAMED).join(", ") + (hashes.length > MAX_NAMED ? ", ..." : "");
  const which = hashes.length === 0
    ? "none of ours is known to be"
    : `${hashes.length} of ours may be (${named})`;
  return {
    code: "OPEN_ORDERS_LEFT",
    message: `It is not proved that no order is open: ${which}. Run: poly-edge cancel-all`,
    data: { openAfter: ended === null ? null : ended.openAfter, mayBeOpen: hashes, proved: false },
  };
}

/** What is wrong at the end of a live session, gravest first. */
export function liveWarnings(
  { ended, gateway, killed, sentinel }: Pick<LiveTrading, "ended" | "gateway" | "killed" | "sentinel">,
): { readonly code: string; readonly message: string }[] {
  const warnings: { code: string; message: string }[] = [];
  if (killed !== null) warnings.push({ code: killed.code, message: `Trading was stopped: ${killed.reason}` });
  const { drifts } = sentinel;
  if (drifts[0] !== undefined) {
    warnings.push({
      code: "VENUE_DRIFT",
      message:
        `Nothing was sent for ${drifts.length} window(s) whose rules changed: ${driftText(drifts[0])}. ` +
        "Read what changed; then: poly-edge doctor --accept-drift",
    });
  }
  const left = leftOf(gateway, ended);
  if (left !== null) warnings.push({ code: left.code, message: left.message });
  if (ended !== null && ended.unsettled.length > 0) {
    warnings.push({
      code: "TRADES_UNSETTLED",
      message: `${ended.unsettled.length} trade(s) are matched and neither confirmed nor failed yet.`,
    });
  }
  if (ended !== null && ended.unknown.length > 0) {
    warnings.push({
      code: "ORDERS_UNKNOWN",
      message: `Of ${ended.unknown.length} order(s) nobody knows what became; the next start asks again.`,
    });
  }
  return warnings;
}
