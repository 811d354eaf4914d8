/** What `wrap` and `unwrap` share: pUSD and USDC.e are one to one, within the wallet. */
import { OperationError } from "../../core/errors.ts";
import {
  approveCall,
  type Call,
  OFFRAMP,
  ONRAMP,
  PUSD,
  unwrapCall,
  USDC_E,
  wrapCall,
} from "../../feeds/chain/contracts.ts";
import type { CommandContext, CommandResult } from "../command.ts";
import { type CashDesk, microText } from "./desk.ts";
import { type ChainHoldings, chainHoldings } from "./holdings.ts";
import { type Deed, perform } from "./perform.ts";
import { amountOption, runSimple } from "./simple.ts";

export type RampKind = "wrap" | "unwrap";

/** The ramp's calls to `to`, with an exact approval before them where the allowance is too small. */
export function rampCalls(
  kind: RampKind,
  { offramp, onramp }: Pick<ChainHoldings, "offramp" | "onramp">,
  to: string,
  amount: bigint,
): Call[] {
  const [token, ramp, allowed] = kind === "wrap" ? [USDC_E, ONRAMP, onramp] : [PUSD, OFFRAMP, offramp];
  const approval = allowed >= amount ? [] : [approveCall(token, ramp, amount)];
  return [...approval, kind === "wrap" ? wrapCall(to, amount) : unwrapCall(to, amount)];
}

/** Too little of it: nothing was sent. */
export function tooLittle(asked: bigint, has: bigint, asset: string): OperationError {
  return new OperationError({
    code: "FUNDS_INSUFFICIENT",
    message: `Cannot move ${microText(asked)} ${asset}: current value is ${microText(has)}`,
    hint: "Ask for less, or use --all.",
    details: { asked: microText(asked), has: microText(has), asset },
    exit: 3,
  });
}

function deedOf(kind: RampKind, desk: CashDesk, holdings: ChainHoldings, amount: bigint): Deed {
  return {
    name: kind,
    title: `${kind} ${microText(amount)}`,
    calls: rampCalls(kind, holdings, desk.account.funder, amount),
  };
}

/** Runs one of the two. */
export async function rampCommand(
  ctx: CommandContext,
  options: Record<string, unknown>,
  kind: RampKind,
): Promise<CommandResult> {
  const asked = amountOption(options);
  const from = kind === "wrap" ? "USDC.e" : "pUSD";
  const into = kind === "wrap" ? "pUSD" : "USDC.e";
  return await runSimple(ctx, options, {
    name: kind,
    alone: kind === "unwrap",
    async plan(desk) {
      const holdings = await chainHoldings(desk, []);
      const has = kind === "wrap" ? holdings.usdce : holdings.pusd;
      const amount = asked ?? has;
      if (amount > has) throw tooLittle(amount, has, from);
      const shown = ({ pusd, usdce }: ChainHoldings) => ({ pusd: microText(pusd), usdce: microText(usdce) });
      return {
        text: amount === 0n ? `there is no ${from}` : `${microText(amount)} ${from} become ${into}`,
        data: { amount: microText(amount), before: shown(holdings) },
        empty: amount === 0n,
        async act(run) {
          await perform(desk, run.id, deedOf(kind, desk, holdings, amount));
          return { after: shown(await chainHoldings(desk, [])) };
        },
      };
    },
  });
}
