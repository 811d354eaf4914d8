/** What `merge` and `redeem` share. */
import type { MoneyRun } from "../../feeds/chain/money_journal.ts";
import type { CommandContext, CommandResult } from "../command.ts";
import { table } from "../output.ts";
import { type CashDesk, microText } from "./desk.ts";
import type { Harvest, harvest } from "./harvest.ts";
import { type ChainHoldings, chainHoldings, knownTokens, searchOption } from "./holdings.ts";
import { runSimple } from "./simple.ts";

export interface HarvestCommand {
  readonly name: "merge" | "redeem";
  readonly alone: boolean;
  readonly itemsOf: (holdings: ChainHoldings) => Harvest[];
  readonly act: typeof harvest;
  readonly text: (items: readonly Harvest[]) => string;
}

const itemData = ({ brings, kind, window }: Harvest) => ({
  kind,
  window: window.slug,
  conditionId: window.conditionId,
  version: window.version,
  brings: microText(brings),
});

/** Lets the venue read the shares again that are gone now. Trouble changes nothing about what was done. */
async function refreshShares(desk: CashDesk, items: readonly Harvest[]): Promise<void> {
  for (const { window } of items) {
    for (const token of window.tokens) {
      try {
        await desk.open.entry.refreshBalance({ kind: "conditional", token, version: window.version });
      } catch (error) {
        desk.ctx.signal.throwIfAborted();
        desk.ctx.log.warn("the venue was not told to read a balance again", { error: String(error) });
        return;
      }
    }
  }
}

/** Runs one of the two. */
export async function harvestCommand(
  ctx: CommandContext,
  options: Record<string, unknown>,
  command: HarvestCommand,
): Promise<CommandResult> {
  const search = searchOption(options);
  const wanted = options["window"];
  let items: Harvest[] = [];
  const result = await runSimple(ctx, options, {
    name: command.name,
    alone: command.alone,
    after: (desk) => refreshShares(desk, items),
    async plan(desk) {
      const known = await knownTokens(desk, search);
      const holdings = await chainHoldings(desk, known);
      items = command.itemsOf(holdings).filter(({ window }) =>
        wanted === undefined || window.slug === wanted
      );
      const rows = items.map(({ brings, window }) => [window.slug, window.version, microText(brings)]);
      const list = rows.length === 0 ? `nothing to ${command.name}` : `${command.text(items)}\n\n${
        table({
          head: ["window", "market", "pUSD"],
          rows,
          align: ["left", "left", "right"],
          color: ctx.color,
        })
      }`;
      return {
        text: list,
        data: { windows: items.map(itemData), before: { pusd: microText(holdings.pusd) } },
        empty: items.length === 0,
        async act(run: MoneyRun) {
          const { failed } = await command.act(desk, run.id, holdings, items);
          const after = await chainHoldings(desk, []);
          return {
            after: { pusd: microText(after.pusd) },
            gained: microText(after.pusd - holdings.pusd),
            failed,
          };
        },
      };
    },
  });
  const { failed } = result.data as { failed?: readonly string[] };
  return failed !== undefined && failed.length > 0 ? { ...result, exit: 5 } : result;
}
