/**
 * The venue's relayer (dossier 9.5): proxy wallets, Safes and deposit wallets act through it without POL. This file speaks its
 * language; what became of a batch is decided in `relayed.ts`, on the chain.
 */
import {
  concat,
  getBytes,
  hashMessage,
  keccak256,
  SigningKey,
  solidityPacked,
  toUtf8Bytes,
  TypedDataEncoder,
  ZeroAddress,
} from "ethers";
import type { Secret } from "../keys/secret.ts";
import { type HttpClient, HttpError } from "../net/http.ts";
import { isObject } from "../net/sink.ts";
import type { Account } from "../polymarket/signing/order.ts";
import { walletBatchDigest } from "../polymarket/signing/wallet_batch.ts";
import {
  type Call,
  DEPOSIT_FACTORY,
  MULTI_SEND,
  multiSendData,
  PROXY_FACTORY,
  proxyData,
  RELAY_HUB,
} from "./contracts.ts";
import { CHAIN_ID } from "./rpc.ts";

export type RelayType = "WALLET" | "SAFE" | "PROXY";

/** Key of the relayer API: made on the venue's settings page. */
export interface RelayerKey {
  readonly key: Secret<string>;
  readonly address: string;
}

export interface RelayParams {
  /** PROXY: the relay that will send it, part of what is signed. */
  readonly address: string;
  readonly nonce: bigint;
}

/** States without their prefix. */
export type RelayState = "NEW" | "EXECUTED" | "MINED" | "CONFIRMED" | "INVALID" | "FAILED";

export interface RelayAction {
  readonly state: RelayState;
  readonly hash: string | null;
  readonly error: string;
}

/** `unheard`: it may have been taken. `limited`: 25 submits a minute. */
export type SubmitAnswer =
  | { readonly kind: "taken"; readonly id: string }
  | { readonly kind: "refused"; readonly status: number; readonly text: string }
  | { readonly kind: "limited"; readonly waitMs: number }
  | { readonly kind: "unheard"; readonly text: string };

export interface RelayerClient {
  params(owner: string, type: RelayType): Promise<RelayParams>;
  /** Never throws but for the signal. */
  submit(body: string): Promise<SubmitAnswer>;
  /** null: it does not know the action. Throws HttpError. */
  read(id: string): Promise<RelayAction | null>;
}

export interface RelayerOptions {
  readonly http: HttpClient;
  readonly url: string;
  readonly key: RelayerKey | null;
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
}

const STATES: readonly RelayState[] = ["NEW", "EXECUTED", "MINED", "CONFIRMED", "INVALID", "FAILED"];

function errorText(error: HttpError): string {
  const body = String(error.details["body"] ?? "");
  try {
    const parsed: unknown = JSON.parse(body);
    if (isObject(parsed) && typeof parsed["error"] === "string") return parsed["error"];
  } catch {
    // An excerpt, or no JSON.
  }
  return body === "" ? error.message : body;
}

/** Speaks to the relayer at `url`. Without a key submits are refused with 401 by the host. */
export function relayerClient({ deadlineMs, http, key, signal, url }: RelayerOptions): RelayerClient {
  const call = { signal, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
  return {
    async params(owner, type) {
      const raw = await http.get(`${url}/v1/account/transactions/params?address=${owner}&type=${type}`, call);
      if (isObject(raw) && typeof raw["address"] === "string" && /^\d{1,78}$/.test(String(raw["nonce"]))) {
        return { address: raw["address"], nonce: BigInt(String(raw["nonce"])) };
      }
      throw new HttpError("BAD_JSON", "Cannot read the relayer's parameters: address or nonce is missing");
    },
    async submit(body) {
      const headers: Record<string, string> = key === null
        ? {}
        : { RELAYER_API_KEY: key.key.reveal(), RELAYER_API_KEY_ADDRESS: key.address };
      try {
        const raw = await http.post(`${url}/submit`, JSON.parse(body), { ...call, headers });
        const id = isObject(raw) ? raw["transactionID"] : undefined;
        return typeof id === "string" && /^[\w-]{1,80}$/.test(id)
          ? { kind: "taken", id }
          : { kind: "unheard", text: "its answer names no transaction" };
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof HttpError)) throw error;
        if (error.code === "RATE_LIMITED") return { kind: "limited", waitMs: error.retryAfterMs ?? 5_000 };
        const { status } = error;
        const isAnswer = status !== null && status >= 400 && status < 500 && status !== 408;
        return isAnswer
          ? { kind: "refused", status, text: errorText(error) }
          : { kind: "unheard", text: error.message };
      }
    },
    async read(id) {
      try {
        const raw = await http.get(`${url}/v1/account/transactions/${id}`, call);
        if (!isObject(raw)) return null;
        const state = STATES.find((name) => `STATE_${name}` === raw["state"]);
        const hash = raw["transaction_hash"];
        return state === undefined ? null : {
          state,
          hash: typeof hash === "string" && /^0x[0-9a-fA-F]{64}$/.test(hash) ? hash.toLowerCase() : null,
          error: String(raw["error_msg"] ?? ""),
        };
      } catch (error) {
        if (error instanceof HttpError && error.status === 404) return null;
        throw error;
      }
    },
  };
}

export interface RelayOrder {
  readonly account: Account;
  readonly key: Secret<string>;
  readonly nonce: bigint;
  readonly calls: readonly Call[];
  /** WALLET: Unix seconds. */
  readonly deadlineS: number;
  /** PROXY: from the parameters. */
  readonly relay: string;
}

export interface RelayBody {
  readonly type: RelayType;
  readonly body: Readonly<Record<string, unknown>>;
}

const personal = (key: Secret<string>, hash: string) =>
  new SigningKey(key.reveal()).sign(hashMessage(getBytes(hash)));

function walletBody({ account, calls, deadlineS, key, nonce }: RelayOrder): RelayBody {
  const wallet = account.funder;
  const batch = calls.map(({ data, to }) => ({ target: to, value: 0n, data }));
  const digest = walletBatchDigest({ wallet, nonce, deadlineS, calls: batch });
  return {
    type: "WALLET",
    body: {
      type: "WALLET",
      from: account.key,
      to: DEPOSIT_FACTORY,
      nonce: String(nonce),
      signature: new SigningKey(key.reveal()).sign(digest).serialized,
      metadata: "",
      depositWalletParams: {
        depositWallet: wallet,
        deadline: String(deadlineS),
        calls: batch.map(({ data, target }) => ({ target, value: "0", data })),
      },
    },
  };
}

const SAFE_TX = {
  SafeTx: [
    { name: "to", type: "address" },
    { name: "value", type: "uint256" },
    { name: "data", type: "bytes" },
    { name: "operation", type: "uint8" },
    { name: "safeTxGas", type: "uint256" },
    { name: "baseGas", type: "uint256" },
    { name: "gasPrice", type: "uint256" },
    { name: "gasToken", type: "address" },
    { name: "refundReceiver", type: "address" },
    { name: "nonce", type: "uint256" },
  ],
};

/** Several calls as one delegated call of MultiSend. */
function packed(calls: readonly Call[]): string {
  const parts = calls.map(({ data, to }) =>
    solidityPacked(["uint8", "address", "uint256", "uint256", "bytes"], [
      0,
      to,
      0,
      (data.length - 2) / 2,
      data,
    ])
  );
  return multiSendData(concat(parts));
}

/** EIP-712 hash of a Safe's transaction with all gas fields zero. */
export function safeTxHash(
  safe: string,
  tx: { readonly to: string; readonly data: string; readonly operation: 0 | 1; readonly nonce: bigint },
): string {
  return TypedDataEncoder.hash({ chainId: CHAIN_ID, verifyingContract: safe }, SAFE_TX, {
    ...tx,
    value: 0,
    safeTxGas: 0,
    baseGas: 0,
    gasPrice: 0,
    gasToken: ZeroAddress,
    refundReceiver: ZeroAddress,
  });
}

function safeBody({ account, calls, key, nonce }: RelayOrder): RelayBody {
  const [only] = calls;
  const tx = calls.length === 1 && only !== undefined
    ? { to: only.to, data: only.data, operation: 0 as const, nonce }
    : { to: MULTI_SEND, data: packed(calls), operation: 1 as const, nonce };
  const { r, s, v } = personal(key, safeTxHash(account.funder, tx));
  return {
    type: "SAFE",
    body: {
      type: "SAFE",
      from: account.key,
      to: tx.to,
      proxyWallet: account.funder,
      data: tx.data,
      nonce: String(nonce),
      // The Safe tells signed messages from signed hashes by a recovery number four higher.
      signature: concat([r, s, `0x${(v + 4).toString(16)}`]),
      signatureParams: {
        gasPrice: "0",
        operation: String(tx.operation),
        safeTxnGas: "0",
        baseGas: "0",
        gasToken: ZeroAddress,
        refundReceiver: ZeroAddress,
      },
      metadata: "",
    },
  };
}

/** Gas that the hub gives a proxy wallet's calls; the relayer pays. */
const PROXY_GAS = 10_000_000n;

/** What the owner of a proxy wallet signs, before it becomes a message. */
export const proxyHash = (
  request: { readonly from: string; readonly data: string; readonly nonce: bigint; readonly relay: string },
): string =>
  keccak256(concat([
    toUtf8Bytes("rlx:"),
    request.from,
    PROXY_FACTORY,
    request.data,
    solidityPacked(["uint256", "uint256", "uint256", "uint256"], [0, 0, PROXY_GAS, request.nonce]),
    RELAY_HUB,
    request.relay,
  ]));

function proxyBody({ account, calls, key, nonce, relay }: RelayOrder): RelayBody {
  const data = proxyData(calls);
  const hash = proxyHash({ from: account.key, data, nonce, relay });
  return {
    type: "PROXY",
    body: {
      type: "PROXY",
      from: account.key,
      to: PROXY_FACTORY,
      proxyWallet: account.funder,
      data,
      nonce: String(nonce),
      signature: personal(key, hash).serialized,
      signatureParams: {
        gasPrice: "0",
        gasLimit: String(PROXY_GAS),
        relayerFee: "0",
        relayHub: RELAY_HUB,
        relay,
      },
      metadata: "",
    },
  };
}

/** The relayer's name for the account's kind; null for a plain key. */
export function relayTypeOf({ signatureType }: Account): RelayType | null {
  const types = [null, "PROXY", "SAFE", "WALLET"] as const;
  return types[signatureType];
}

/** Signs a batch for the account's kind of wallet. */
export function signRelay(order: RelayOrder): RelayBody {
  switch (relayTypeOf(order.account)) {
    case "WALLET":
      return walletBody(order);
    case "SAFE":
      return safeBody(order);
    case "PROXY":
      return proxyBody(order);
    case null:
      throw new Error("a plain key sends its transactions itself");
  }
}
