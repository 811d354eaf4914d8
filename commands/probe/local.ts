/** What an order costs on this machine before it leaves: its signature, and its row on disk. */
import { join } from "node:path";
import type { Ms, Price, Shares, Usdc } from "../../core/units.ts";
import { openJournal } from "../../feeds/journal/journal.ts";
import { newKey } from "../../feeds/keys/keystore.ts";
import { accountOf, openSigner } from "../../feeds/polymarket/signing/account.ts";
import { exchangeOf } from "../../feeds/polymarket/signing/contracts.ts";
import { buildOrder, type FillRandom, saltSource } from "../../feeds/polymarket/signing/order.ts";
import type { CommandContext } from "../command.ts";

const random: FillRandom = (into) => void crypto.getRandomValues(into);
const WARM_UP = 20;
const TICK = 100 as Price;
/** A token of the usual length. */
const TOKEN = "104239898038807136052399800151408521467737075933964991162589336683346093173875";

/** Milliseconds of building and signing an order with a key that is thrown away. */
export async function measureSign(samples: number, monotonicUs: () => number): Promise<number[]> {
  const pair = newKey(random);
  const account = accountOf({ key: pair.address, signatureType: "0" });
  const signer = await openSigner({ account, key: pair.key, random });
  const salt = saltSource(random);
  const domain = exchangeOf({ version: "v1", negRisk: false });
  const times: number[] = [];
  for (let i = 0; i < samples + WARM_UP; i++) {
    const from = monotonicUs();
    const terms = {
      ...{ token: TOKEN, side: "buy", orderType: "GTC" } as const,
      limit: (1 + i % 99) * TICK as Price,
      size: 5_000_000 as Shares,
      spend: 0 as Usdc,
    };
    const stamp = { salt: salt(), timestampMs: 1_795_000_000_000 + i as Ms };
    signer.sign(buildOrder(terms, TICK, account, stamp), domain);
    if (i >= WARM_UP) times.push((monotonicUs() - from) / 1000);
  }
  return times;
}

/** Milliseconds of a synced journal row, on the disk of the data folder, in a journal that is removed again. */
export async function measureJournal(
  ctx: CommandContext,
  samples: number,
  monotonicUs: () => number,
): Promise<number[]> {
  await Deno.mkdir(ctx.dataDir, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: ctx.dataDir, prefix: ".probe-" });
  try {
    const journal = openJournal({
      folder: join(folder, "journal"),
      wallet: `0x${"0".repeat(40)}`,
      owner: { pid: Deno.pid, startedAtMs: ctx.startedAt },
    });
    const times: number[] = [];
    try {
      // As long as a row of an order.
      const body = { probe: "x".repeat(700) };
      for (let i = 0; i < samples; i++) {
        const from = monotonicUs();
        journal.appendIntent(body, ctx.startedAt + i);
        times.push((monotonicUs() - from) / 1000);
      }
    } finally {
      journal.close();
    }
    return times;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
