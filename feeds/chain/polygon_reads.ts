/** Reading Polygon by JSON-RPC: what a wallet holds of gas and pUSD. Several endpoints; the first that answers counts. */
import { OperationError } from "../../core/errors.ts";
import type { HttpCall, HttpClient } from "../net/http.ts";
import { isObject } from "../net/sink.ts";

/** pUSD on Polygon (contracts page of 2026-09/10). */
export const PUSD = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB";
const BALANCE_OF = "0x70a08231";
/** Wall ms for one endpoint; a public one that is slower than this is of no use here. */
const DEADLINE_MS = 4_000;

export interface PolygonReads {
  /** POL in wei. Throws RPC_FAILED (exit 1) when no endpoint answers as documented. */
  gas(address: string): Promise<bigint>;
  /** pUSD in millionths. Throws as `gas`. */
  pusd(address: string): Promise<bigint>;
}

export interface PolygonReadOptions {
  readonly http: HttpClient;
  readonly urls: readonly string[];
  readonly signal?: AbortSignal;
}

function quantityOf(raw: unknown): bigint | null {
  if (!isObject(raw)) return null;
  const { result } = raw;
  return typeof result === "string" && /^0x[0-9a-fA-F]{1,64}$/.test(result) ? BigInt(result) : null;
}

/** Builds a reader. Each read is one request to the first endpoint, and one to the next where that fails. */
export function polygonReads({ http, signal, urls }: PolygonReadOptions): PolygonReads {
  const call: HttpCall = { deadlineMs: DEADLINE_MS, ...(signal === undefined ? {} : { signal }) };
  async function ask(method: string, params: readonly unknown[]): Promise<bigint> {
    const failures: string[] = [];
    for (const url of urls) {
      signal?.throwIfAborted();
      try {
        const value = quantityOf(await http.post(url, { jsonrpc: "2.0", id: 1, method, params }, call));
        if (value !== null) return value;
        failures.push(`${new URL(url).host} answers without a result`);
      } catch (error) {
        if (signal?.aborted) throw error;
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
    throw new OperationError({
      code: "RPC_FAILED",
      message: `Cannot read Polygon (${method}): ${failures.join("; ") || "no endpoint is configured"}`,
      hint: "Name a working endpoint with network.polygonRpc.",
    });
  }
  return {
    gas: (address) => ask("eth_getBalance", [address, "latest"]),
    pusd: (address) =>
      ask("eth_call", [
        { to: PUSD, data: `${BALANCE_OF}${address.slice(2).toLowerCase().padStart(64, "0")}` },
        "latest",
      ]),
  };
}
