/** Reasons of reverts, and what nodes and the relayer mean by their words. */
import { AbiCoder, Interface } from "ethers";

const known = new Interface([
  "error OnlyUnpaused()",
  "error InvalidAsset()",
  "error DestinationRefused(address to)",
  "error ERC20InsufficientBalance(address sender,uint256 balance,uint256 needed)",
  "error ERC20InsufficientAllowance(address spender,uint256 allowance,uint256 needed)",
  "error ERC1155InsufficientBalance(address sender,uint256 balance,uint256 needed,uint256 tokenId)",
  "error ERC1155MissingApprovalForAll(address operator,address owner)",
  "error Unresolved()",
]);

/** A revert's data in words; the data itself where it says nothing known. */
export function revertText(data: string | null, message: string): string {
  if (data === null || data === "0x") return message;
  try {
    if (data.startsWith("0x08c379a0")) {
      return String(AbiCoder.defaultAbiCoder().decode(["string"], `0x${data.slice(10)}`)[0]);
    }
    const error = known.parseError(data);
    if (error !== null) return `${error.name}(${error.args.map(String).join(", ")})`;
  } catch {
    // Not one of those.
  }
  return `${message} (${data.slice(0, 10)})`;
}

/** A code for the reverts that a person can do something about. */
export function revertCode(reason: string): "RAMP_PAUSED" | "DESTINATION_REFUSES" | "TX_WOULD_REVERT" {
  if (/OnlyUnpaused|paused/i.test(reason)) return "RAMP_PAUSED";
  if (/DestinationRefused|blacklist/i.test(reason)) return "DESTINATION_REFUSES";
  return "TX_WOULD_REVERT";
}

/** What a node's refusal of a transaction means. */
export type SendRefusal = "known" | "nonce-used" | "underpriced" | "no-gas-money" | "other";

export function sendRefusal(message: string): SendRefusal {
  if (/already known|known transaction|already_exists|already imported/i.test(message)) return "known";
  if (/nonce too low|nonce is too low|oldnonce/i.test(message)) return "nonce-used";
  if (/underpriced|fee too low|max fee per gas less than block base fee/i.test(message)) return "underpriced";
  if (/insufficient funds/i.test(message)) return "no-gas-money";
  return "other";
}

/** What the relayer's refusal means (dossier 9.5). `busy` and `limited` pass; `nonce` names both counters. */
export type RelayRefusal =
  | { readonly kind: "busy" | "blocked" | "signature" | "expired" | "other" }
  | { readonly kind: "nonce"; readonly ours: bigint; readonly theirs: bigint };

export function relayRefusal(text: string): RelayRefusal {
  if (/wallet busy|in-flight action/i.test(text)) return { kind: "busy" };
  const [, ours, theirs] = /nonce (\d{1,78}) does not match on-chain nonce (\d{1,78})/i.exec(text) ?? [];
  if (ours !== undefined && theirs !== undefined) {
    return { kind: "nonce", ours: BigInt(ours), theirs: BigInt(theirs) };
  }
  if (/call blocked/i.test(text)) return { kind: "blocked" };
  if (/deadline|expired/i.test(text)) return { kind: "expired" };
  return { kind: /invalid signature/i.test(text) ? "signature" : "other" };
}
