/** The venue's official client, signing with the public Hardhat/Anvil keys, against the simulated venue. */
import { ClobClient } from "@polymarket/clob-client-v2";
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";

/** Public test keys; never fund them. */
export const TEST_KEYS = [
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
  "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
  "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
] as const;

export interface ClientOptions {
  readonly host: string;
  /** Index of the test key, also its signature type unless said otherwise. */
  readonly key?: 0 | 1 | 2 | 3;
  readonly signatureType?: number;
  readonly funder?: string;
  readonly creds?: { readonly key: string; readonly secret: string; readonly passphrase: string };
}

/** A client without credentials, or with the given ones. */
export function clientOf(options: ClientOptions): ClobClient {
  const key = options.key ?? 0;
  const account = privateKeyToAccount(TEST_KEYS[key]);
  // The transport is never used: signing is local.
  const signer = createWalletClient({ account, transport: http("http://127.0.0.1:1") });
  return new ClobClient({
    host: options.host,
    chain: 137,
    signer,
    signatureType: options.signatureType ?? key,
    ...(options.funder === undefined ? {} : { funderAddress: options.funder }),
    ...(options.creds === undefined ? {} : { creds: { ...options.creds } }),
  });
}
