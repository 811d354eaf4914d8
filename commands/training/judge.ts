/** What a policy earns on a stream of events: engine, gate and exchange of paper trading, window by window. */
import { Engine, type EngineOptions } from "../../core/engine.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import type { ExchangeOptions } from "../../core/exchange/options.ts";
import { HOLD, type Policy } from "../../core/policy/policy.ts";
import { Session } from "../../core/session.ts";
import type { Usdc } from "../../core/units.ts";
import type { Chapter } from "../../models/env/market_row.ts";

export interface JudgedWindow {
  readonly slug: string;
  readonly endMs: number;
  /** pUSD millionths. */
  readonly pnl: number;
  readonly fees: number;
  readonly fills: number;
}

export interface JudgeOptions {
  readonly engine: Omit<EngineOptions, "policy" | "onSettled">;
  readonly exchange: () => ExchangeOptions;
}

/** Plays a chapter to its end and gives every accepted window that was settled, traded or not, in order. */
export function judge(policy: Policy, { stream, accept }: Chapter, options: JudgeOptions): JudgedWindow[] {
  const windows: JudgedWindow[] = [];
  const { engine: settings } = options;
  // Without its batch, which would be asked about windows that are not accepted.
  const { batch: _, ...alone } = policy;
  const engine = new Engine({
    ...settings,
    policy: { ...alone, decide: (view) => accept(view.instrument) ? policy.decide(view) : HOLD },
    onSettled: ({ instrument }, portfolio) => {
      if (!accept(instrument)) return;
      const result = portfolio.windows.get(instrument.conditionId);
      windows.push({
        slug: instrument.slug,
        endMs: instrument.endMs,
        pnl: result?.pnl ?? 0,
        fees: result?.fees ?? 0,
        fills: result?.fills ?? 0,
      });
    },
  });
  const bankroll = (settings.bankroll + (settings.credit ?? 0)) as Usdc;
  const session = new Session(engine, new ExchangeModel({ ...options.exchange(), bankroll }));
  for (let event = stream.next(); event !== null; event = stream.next()) session.feed(event, stream.more);
  return windows;
}
