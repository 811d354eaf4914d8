/** The program at a simulated venue with a chain: time runs while it works, balances are read from the chain itself. */
import { JsonRpcProvider } from "ethers";
import * as at from "../../fixtures/chain/addresses.ts";
import { abiOf } from "../../fixtures/chain/genesis.ts";
import type { VenueOptions } from "../../fixtures/venue/venue.ts";
import type { Ran } from "../cli/harness.ts";
import type { KeyIndex } from "../venue/stage.ts";
import { type AccountDesk, withAccountDesk } from "./account_desk.ts";

/** A person's wallet that nothing else uses. */
export const FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7";

export interface CashStage extends AccountDesk {
  /** Runs `poly-edge ...` while venue time runs. */
  cash(argv: string[], more?: { readonly env?: Readonly<Record<string, string>> }): Promise<Ran>;
  /** Millionths on the chain. */
  pusd(address: string): Promise<bigint>;
  usdce(address: string): Promise<bigint>;
  shares(address: string, token: string): Promise<bigint>;
  rpc(method: string, ...params: unknown[]): Promise<unknown>;
  readonly key: KeyIndex;
  readonly owner: string;
  readonly funder: string;
  /** Lets blocks come. */
  blocks(count: number): Promise<void>;
}

/** Venue seconds a second of the clock that the program is told; the test itself moves time while it waits. */
const SPEED = 100;
/** Venue ms a turn of the event loop: the venue goes about as fast as it says. */
const STEP_MS = 200;
/** On a busy machine the hand-driven venue falls behind the program's idea of its clock; that is not what is tested. */
const PATIENT = ["--set", "chain.maxBlockAgeMs=86400000"];

/** Lets venue time run until the promise settles. */
async function running<T>(advance: (byMs: number) => void, promise: Promise<T>): Promise<T> {
  let done = false;
  const settled = promise.finally(() => void (done = true));
  settled.catch(() => {});
  while (!done) {
    const turn = Promise.withResolvers<void>();
    setTimeout(turn.resolve, 1);
    await turn.promise;
    if (!done) advance(STEP_MS);
  }
  return await settled;
}

async function balance(provider: JsonRpcProvider, token: string, holder: string): Promise<bigint> {
  const data = abiOf("CollateralToken").encodeFunctionData("balanceOf", [holder]);
  return BigInt(await provider.call({ to: token, data }));
}

export async function withCash(
  options: Partial<VenueOptions> & { readonly key?: KeyIndex },
  act: (stage: CashStage) => Promise<void>,
): Promise<void> {
  await withAccountDesk({ speed: SPEED, ...options }, async (desk) => {
    const key = options.key ?? 0;
    const provider = new JsonRpcProvider(desk.venue.endpoints.polygonRpc, 137, {
      staticNetwork: true,
      cacheTimeout: -1,
      batchMaxCount: 1,
    });
    const { TEST_KEYS } = await import("../venue/official.ts");
    const { computeAddress } = await import("ethers");
    try {
      // The chain is opened before anything is measured.
      await provider.send("eth_blockNumber", []);
      desk.advance(2_000);
      await provider.send("eth_blockNumber", []);
      await act({
        ...desk,
        cash: (argv, more = {}) => running(desk.advance, desk.cli([...argv, ...PATIENT], more)),
        pusd: (holder) => balance(provider, at.PUSD, holder),
        usdce: (holder) => balance(provider, at.USDC_E, holder),
        shares: async (holder, token) => {
          const data = abiOf("PositionManager").encodeFunctionData("balanceOf", [holder, token]);
          const read = async (to: string) => BigInt(await provider.call({ to, data }));
          return await read(at.CTF) + await read(at.POSITION_MANAGER);
        },
        rpc: (method, ...params) => provider.send(method, params),
        key,
        owner: computeAddress(TEST_KEYS[key]),
        funder: desk.wallet(key),
        async blocks(count) {
          for (let i = 0; i < count; i++) {
            desk.advance(2_000);
            await provider.send("eth_blockNumber", []);
          }
        },
      });
    } finally {
      provider.destroy();
    }
  });
}
