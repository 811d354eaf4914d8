/** A batch of calls that a deposit wallet makes, signed by its owner for the relayer (dossier 9.5, vectors R). */
import { TypedDataEncoder } from "ethers";
import { POLYGON } from "./contracts.ts";

export interface WalletCall {
  readonly target: string;
  /** Wei. */
  readonly value: bigint;
  /** 0x hex. */
  readonly data: string;
}

export interface WalletBatch {
  readonly wallet: string;
  /** The wallet's own counter, from the relayer. */
  readonly nonce: bigint;
  /** Unix seconds. */
  readonly deadlineS: number;
  readonly calls: readonly WalletCall[];
  readonly chainId?: number;
}

const TYPES = {
  Batch: [
    { name: "wallet", type: "address" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
    { name: "calls", type: "Call[]" },
  ],
  Call: [
    { name: "target", type: "address" },
    { name: "value", type: "uint256" },
    { name: "data", type: "bytes" },
  ],
};

/** EIP-712 digest that the owner signs. */
export const walletBatchDigest = (batch: WalletBatch): string =>
  TypedDataEncoder.hash(
    {
      name: "DepositWallet",
      version: "1",
      chainId: batch.chainId ?? POLYGON,
      verifyingContract: batch.wallet,
    },
    TYPES,
    { wallet: batch.wallet, nonce: batch.nonce, deadline: batch.deadlineS, calls: batch.calls },
  );
