/** Is this an address that money may go to? Asked before anything is cancelled or signed. */
import { getAddress } from "ethers";
import { OperationError } from "../../core/errors.ts";
import { VENUE_CONTRACTS } from "../../feeds/chain/contracts.ts";
import type { CommandContext } from "../command.ts";
import { secretsDesk } from "../run.ts";
import { confirmed } from "../trading/confirm.ts";
import type { CashDesk } from "./desk.ts";

function invalid(text: string, why: string, hint: string): OperationError {
  return new OperationError({
    code: "DESTINATION_INVALID",
    message: `Cannot pay to ${text}: ${why}`,
    hint,
    details: { destination: text },
    exit: 2,
  });
}

/** Reads `--to`. The mixed case of an address is its checksum; without one a typing error cannot be seen. Exit 2. */
export function parseDestination(text: string): string {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) {
    throw invalid(text, "it is no address", "An address is 0x and 40 hex digits.");
  }
  // Some addresses have a checksum of one case.
  if (getAddress(text.toLowerCase()) === text) return text;
  if (/^0x([0-9a-f]{40}|[0-9A-F]{40})$/.test(text)) {
    throw invalid(
      text,
      "it has no checksum (all letters have one case)",
      `Copy it again from where it came. With its checksum this one is written ${
        getAddress(text.toLowerCase())
      }.`,
    );
  }
  throw invalid(text, "its checksum is wrong: a digit was changed", "Copy it again from where it came.");
}

function refused(code: string, to: string, why: string, hint: string): OperationError {
  const message = `Cannot pay to ${to}: ${why}`;
  return new OperationError({ code, message, hint, details: { destination: to }, exit: 3 });
}

/** What needs no chain: own addresses, contracts of the venue, the allow-list. Throws DESTINATION_* (exit 2 or 3). */
export function checkDestination(ctx: CommandContext, to: string, wallet: string): void {
  const lower = to.toLowerCase();
  if (/^0x0{36}/.test(lower)) throw invalid(to, "nobody owns it", "Name an address of yours.");
  if (lower === wallet.toLowerCase()) {
    throw invalid(
      to,
      "it is the wallet the money is in",
      "Name another address; `unwrap` stays in the wallet.",
    );
  }
  if (VENUE_CONTRACTS.some((one) => one.toLowerCase() === lower)) {
    throw invalid(to, "it is a contract of the venue: the money would be lost", "Name an address of yours.");
  }
  const { allow } = ctx.config.cashout;
  if (allow.length > 0 && !allow.some((one) => one.toLowerCase() === lower)) {
    throw refused(
      "DESTINATION_NOT_ALLOWED",
      to,
      "it is not on the list of cashout.allow",
      "Add it to cashout.allow in the configuration.",
    );
  }
}

/** An account with a delegation (EIP-7702) has this as its code and is still an account. */
const DELEGATION = "0xef0100";

/** Throws DESTINATION_CONTRACT (exit 3) for a contract, unless `isMeant`. */
export async function checkContract(desk: CashDesk, to: string, isMeant: boolean): Promise<void> {
  const codes = await desk.rpc.askAll("eth_getCode", [to, "latest"]);
  const known = codes.length > 0 ? codes : [{ result: await desk.rpc.ask("eth_getCode", [to, "latest"]) }];
  const isContract = known.some(({ result }) =>
    typeof result === "string" && result !== "0x" && !result.toLowerCase().startsWith(DELEGATION)
  );
  if (!isContract || isMeant) return;
  throw refused(
    "DESTINATION_CONTRACT",
    to,
    "it is a contract, which may not be able to give the money back",
    "If it is a wallet of yours (a Safe, an exchange's deposit contract), add --contract.",
  );
}

/** The address has been paid before, or is on the allow-list. */
export function isKnownDestination(desk: CashDesk, to: string): boolean {
  const lower = to.toLowerCase();
  if (desk.ctx.config.cashout.allow.some((one) => one.toLowerCase() === lower)) return true;
  return [...desk.journal.runs.values()].some((run) => {
    const paid = desk.journal.operationsOf(run.id).some(({ fate, payment }) =>
      payment !== null && fate === "landed"
    );
    return paid && String(run.args["to"]).toLowerCase() === lower;
  });
}

/**
 * The first payment to an address is confirmed by typing its last six digits, or by --first-use. Throws NOT_CONFIRMED (exit 3).
 */
export async function confirmFirstUse(desk: CashDesk, to: string, isMeant: boolean): Promise<void> {
  if (isMeant || isKnownDestination(desk, to)) return;
  const word = to.slice(-6);
  const { ctx } = desk;
  const yes = await confirmed({
    terminal: secretsDesk(ctx).terminal,
    signal: ctx.signal,
    text: `${to} has not been paid before. Compare it with its source; its last six digits are the word.`,
    word,
  });
  ctx.signal.throwIfAborted();
  if (yes) return;
  throw new OperationError({
    code: "NOT_CONFIRMED",
    message: `Cannot pay to ${to}: nobody confirmed this destination, which has not been paid before`,
    hint: "Add it to cashout.allow, or add --first-use, or type its last six digits at a terminal.",
    details: { destination: to },
    exit: 3,
  });
}
