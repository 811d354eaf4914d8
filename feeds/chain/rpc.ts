/**
 * Polygon by JSON-RPC over several hosts. Each call has a deadline; the first host that answers counts and moves to the
 * front. What decides about money is asked of all hosts at one block (`agreed`). Nothing here signs.
 */
import { OperationError } from "../../core/errors.ts";
import type { Clock } from "../clock.ts";
import { type HttpClient, HttpError } from "../net/http.ts";
import { isObject } from "../net/sink.ts";

export const CHAIN_ID = 137;

/** The node's own refusal: it has understood the question. */
export class NodeRefusal extends Error {
  readonly rpcCode: number;
  readonly data: string | null;
  constructor(message: string, rpcCode: number, data: string | null) {
    super(message);
    this.name = "NodeRefusal";
    this.rpcCode = rpcCode;
    this.data = data;
  }
}

export interface RpcOptions {
  readonly http: HttpClient;
  readonly clock: Pick<Clock, "now" | "sleep" | "speed">;
  readonly urls: readonly string[];
  readonly signal: AbortSignal;
  /** Oldest newest block of a host that is believed, venue ms. */
  readonly maxBlockAgeMs: number;
  /** Wall ms of one call to one host. */
  readonly deadlineMs?: number;
  readonly onTrouble?: (host: string, why: string) => void;
}

export interface Question {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A host that speaks of the right chain, with its newest block. */
export interface Head {
  readonly url: string;
  readonly number: number;
  readonly timestampS: number;
  readonly baseFee: bigint;
}

export interface Rpc {
  readonly urls: readonly string[];
  /** One question, failing over. Throws RPC_FAILED, NodeRefusal. */
  ask(method: string, params: readonly unknown[]): Promise<unknown>;
  /** One question to one host. Throws HttpError, NodeRefusal. */
  askOne(url: string, method: string, params: readonly unknown[]): Promise<unknown>;
  /** The same question to every host; failures are left out. */
  askAll(method: string, params: readonly unknown[]): Promise<Answer[]>;
  /**
   * Heads of the hosts that are on Polygon and up to date. Throws CHAIN_MISMATCH (exit 3) when a host speaks of another chain,
   * RPC_STALE when all lag, RPC_FAILED when none answers.
   */
  heads(): Promise<Head[]>;
}

export interface Answer {
  readonly url: string;
  readonly result: unknown;
  readonly refusal: NodeRefusal | null;
}

const DEADLINE_MS = 5_000;
const ROUNDS = 4;
const FIRST_WAIT_MS = 300;

export const quantity = (raw: unknown): bigint | null =>
  typeof raw === "string" && /^0x[0-9a-fA-F]{1,64}$/.test(raw) ? BigInt(raw) : null;
export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
export const hostOf = (url: string): string => URL.canParse(url) ? new URL(url).host : url;
const wordsOf = (error: unknown): string => error instanceof Error ? error.message : String(error);

function resultOf(raw: unknown, url: string): unknown {
  if (isObject(raw) && isObject(raw["error"])) {
    const { code, data, message } = raw["error"];
    throw new NodeRefusal(
      typeof message === "string" ? message.slice(0, 300) : "refused",
      typeof code === "number" ? code : 0,
      typeof data === "string" ? data : null,
    );
  }
  if (!isObject(raw) || !("result" in raw)) {
    throw new HttpError("BAD_JSON", `Cannot use the answer of ${hostOf(url)}: it is no JSON-RPC answer`);
  }
  return raw["result"];
}

/** -32005 is "limit exceeded", -32603 "internal error": another host may know better. */
const isBusy = (error: unknown): boolean =>
  error instanceof NodeRefusal &&
  (error.rpcCode === -32005 || error.rpcCode === -32603 ||
    /header not found|missing trie/.test(error.message));

function failed(what: string, failures: readonly string[]): OperationError {
  const distinct = [...new Set(failures)];
  return new OperationError({
    code: "RPC_FAILED",
    message: `Cannot ask Polygon (${what}): ${distinct.slice(-4).join("; ") || "no endpoint is configured"}`,
    hint: "Name working endpoints with chain.rpc (or network.polygonRpc).",
  });
}

/** Reads a block's header. */
function headOf(url: string, raw: unknown): Head | null {
  if (!isObject(raw)) return null;
  const [number, time, fee] = [raw["number"], raw["timestamp"], raw["baseFeePerGas"]].map(quantity);
  if (number === null || number === undefined || time === null || time === undefined) return null;
  return { url, number: Number(number), timestampS: Number(time), baseFee: fee ?? 0n };
}

/** Heads that agree on the chain and are young enough. */
async function checkedHeads(options: RpcOptions, order: readonly string[], rpc: Rpc): Promise<Head[]> {
  const failures: string[] = [];
  const heads: Head[] = [];
  await Promise.all(order.map(async (url) => {
    try {
      const [chain, block] = await Promise.all([
        rpc.askOne(url, "eth_chainId", []),
        rpc.askOne(url, "eth_getBlockByNumber", ["latest", false]),
      ]);
      const id = quantity(chain);
      const head = headOf(url, block);
      if (id !== BigInt(CHAIN_ID)) {
        failures.push(`${hostOf(url)} speaks of chain ${id ?? "unknown"}, not ${CHAIN_ID}`);
        options.onTrouble?.(hostOf(url), `it speaks of chain ${id ?? "unknown"}`);
        return;
      }
      if (head === null) failures.push(`${hostOf(url)} has no newest block`);
      else heads.push(head);
    } catch (error) {
      failures.push(`${hostOf(url)}: ${wordsOf(error)}`);
    }
  }));
  options.signal.throwIfAborted();
  if (heads.length === 0) {
    const foreign = failures.find((text) => text.includes("speaks of chain"));
    if (foreign === undefined) throw failed("newest block", failures);
    throw new OperationError({
      code: "CHAIN_MISMATCH",
      message: `Cannot use this endpoint: ${foreign}`,
      hint: "Name an endpoint of Polygon (chain 137) with chain.rpc.",
      exit: 3,
    });
  }
  const oldestS = (options.clock.now() - options.maxBlockAgeMs) / 1_000;
  const young = heads.filter(({ timestampS }) => timestampS >= oldestS);
  for (const { timestampS, url } of heads) {
    if (timestampS >= oldestS) continue;
    const ageS = Math.round(options.clock.now() / 1_000 - timestampS);
    options.onTrouble?.(hostOf(url), `its newest block is ${ageS} s old`);
    failures.push(`the newest block of ${hostOf(url)} is ${ageS} s old`);
  }
  if (young.length > 0) return young.sort((a, b) => b.number - a.number);
  throw new OperationError({
    code: "RPC_STALE",
    message: `Cannot trust what Polygon's endpoints say: ${failures.join("; ")}`,
    hint: "Wait, or name another endpoint with chain.rpc; chain.maxBlockAgeMs is the limit.",
  });
}

/** Opens the client; nothing is asked yet. */
export function openRpc(options: RpcOptions): Rpc {
  const { clock, http, signal } = options;
  let order = [...options.urls];
  let sequence = 0;
  const call = { deadlineMs: options.deadlineMs ?? DEADLINE_MS, signal };
  const rpc: Rpc = {
    urls: options.urls,
    async askOne(url, method, params) {
      const id = ++sequence;
      return resultOf(await http.post(url, { jsonrpc: "2.0", id, method, params }, call), url);
    },
    async ask(method, params) {
      const failures: string[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        for (const url of [...order]) {
          signal.throwIfAborted();
          try {
            const result = await rpc.askOne(url, method, params);
            if (order[0] !== url) order = [url, ...order.filter((one) => one !== url)];
            return result;
          } catch (error) {
            signal.throwIfAborted();
            if (error instanceof NodeRefusal && !isBusy(error)) throw error;
            failures.push(`${hostOf(url)}: ${wordsOf(error)}`);
            options.onTrouble?.(hostOf(url), wordsOf(error));
          }
        }
        // Wall time: the hosts are busy, whatever clock the venue has.
        if (round + 1 < ROUNDS) await clock.sleep(FIRST_WAIT_MS * 2 ** round * clock.speed as never, signal);
      }
      throw failed(method, failures);
    },
    async askAll(method, params) {
      const answers = await Promise.all(options.urls.map(async (url): Promise<Answer | null> => {
        try {
          return { url, result: await rpc.askOne(url, method, params), refusal: null };
        } catch (error) {
          if (error instanceof NodeRefusal && !isBusy(error)) return { url, result: null, refusal: error };
          options.onTrouble?.(hostOf(url), wordsOf(error));
          return null;
        }
      }));
      signal.throwIfAborted();
      return answers.filter((answer) => answer !== null);
    },
    async heads() {
      let last: unknown;
      for (let round = 0; round < ROUNDS; round++) {
        try {
          return await checkedHeads(options, order, rpc);
        } catch (error) {
          signal.throwIfAborted();
          // One wrong answer may be an accident; a host that keeps to it is not of this chain.
          last = error;
          if (round + 1 < ROUNDS) {
            await clock.sleep(FIRST_WAIT_MS * 2 ** round * clock.speed as never, signal);
          }
        }
      }
      throw last;
    },
  };
  return rpc;
}
