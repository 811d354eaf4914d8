/** Questions about the account: key, wallet, credentials, money, approvals, gas. Only reads; `fix` asks for harmless things. */
import { invariant } from "../../core/errors.ts";
import { parseDecimal } from "../../core/units.ts";
import type { Balance } from "../../feeds/polymarket/order_entry/types.ts";
import { EXCHANGE_V2, EXCHANGE_V3, NEG_RISK_EXCHANGE_V2 } from "../../feeds/polymarket/signing/contracts.ts";
import { walletsOf } from "../../feeds/polymarket/signing/wallets.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import { HttpError } from "../../feeds/net/http.ts";
import type { OpenAccount } from "../account.ts";
import { loginOf } from "../account_choice.ts";
import type { CommandContext } from "../command.ts";
import { moneyText } from "../output.ts";
import { gasText } from "../trading/holdings_view.ts";
import { fail, type Finding, findingOf, ok, skip, warn } from "./check.ts";

const KINDS = ["plain key (EOA)", "proxy wallet", "Safe", "deposit wallet"] as const;

export function checkKey({ account, login, pair }: OpenAccount): Finding {
  const from = { environment: "from the environment", cache: "from the encrypted copy" } as const;
  const credentials = login === "environment" || login === "cache" ? from[login] : "derived by a login";
  if (pair !== null) return ok(`${account.key}; API credentials ${credentials}`);
  return fail(
    `${account.key} is known, its private key is not: orders cannot be signed`,
    "Run `poly-edge keys import`, or set POLY_PRIVATE_KEY.",
    { code: "KEY_MISSING" },
  );
}

interface Purse {
  readonly name: string;
  readonly type: number;
  readonly address: string;
  readonly pusd: bigint;
}

/** pUSD on the chain of every wallet the key may own. Throws RPC_FAILED. */
async function purses({ account, polygon }: OpenAccount): Promise<Purse[]> {
  const { deposit, depositOld, eoa, proxy, safe } = walletsOf(account.key);
  const all = [
    [0, eoa],
    [1, proxy],
    [2, safe],
    [3, deposit],
    [3, depositOld],
  ] as const;
  return await Promise.all(all.map(async ([type, address]) => ({
    name: KINDS[type],
    type,
    address,
    pusd: await polygon.pusd(address),
  })));
}

/** Which wallet trades, in plain words, and whether the money is in another one. */
export async function checkWallet(opened: OpenAccount): Promise<Finding> {
  const { funder, signatureType } = opened.account;
  const what = `${KINDS[signatureType]} ${funder} (type ${signatureType})`;
  let found: Purse[];
  try {
    found = await purses(opened);
  } catch (error) {
    return warn(
      `${what}; Polygon cannot be read, so where the money is was not checked`,
      findingOf(error).fix,
    );
  }
  const rich = found.filter(({ pusd }) => pusd > 0n);
  const own = rich.find(({ address }) => address === funder);
  const list = rich.map(({ address, name, pusd }) => `${name} ${address} ${moneyText(Number(pusd))} pUSD`);
  if (own !== undefined) {
    const others = rich.length > 1 ? `; others of this key hold money, too: ${list.join(", ")}` : "";
    const detail = `${what} with ${moneyText(Number(own.pusd))} pUSD${others}`;
    return signatureType === 0
      ? warn(detail, "The venue takes orders of plain keys only from those it has listed (since May 2026).")
      : ok(detail);
  }
  const other = rich[0];
  if (other === undefined) {
    return warn(`${what}; no wallet of this key holds pUSD`, `Deposit pUSD to ${funder}.`);
  }
  return fail(
    `${what} is empty; the money is in: ${list.join(", ")}`,
    `Set POLY_FUNDER=${other.address} and POLY_SIGNATURE_TYPE=${other.type}.`,
    { code: "FUNDS_ELSEWHERE" },
  );
}

/** Do the API credentials belong to this key? With `fix` they are derived anew where they do not. */
export async function checkApiKey(ctx: CommandContext, opened: OpenAccount, fix: boolean): Promise<Finding> {
  const { entry, http, login, pair, secrets, venue } = opened;
  let ids: readonly string[];
  try {
    ids = await entry.apiKeys();
  } catch (error) {
    const refused = error instanceof HttpError && error.status === 401;
    if (!refused || !fix || pair === null || login === "environment") throw error;
    await loginOf({ ctx, pair, http, venue, fresh: true });
    return warn(
      "the API credentials were refused and have been derived anew",
      "Run `poly-edge doctor` again.",
    );
  }
  const own = ids.includes(secrets.apiKey.reveal());
  return own ? ok(`accepted, and bound to ${opened.account.key}`) : fail(
    "the venue accepts them and does not list them as this key's",
    "Unset POLY_API_*, run `poly-edge keys derive-api`.",
    { code: "API_KEY_REFUSED", refused: true },
  );
}

/** May the account open positions? */
export async function checkStanding({ entry }: OpenAccount): Promise<Finding> {
  const closed = await entry.closedOnly();
  if (closed === true) {
    return fail("the account is in closed-only mode: it may only sell", "Ask the venue's support.", {
      code: "CLOSED_ONLY",
      refused: true,
    });
  }
  return ok(closed === null ? "the venue has no record of a restriction" : "no restriction");
}

/** Is there money to trade with? With `fix` the venue reads the chain again first. */
export async function checkCollateral(
  ctx: CommandContext,
  { entry }: OpenAccount,
  fix: boolean,
): Promise<Finding> {
  if (fix) await entry.refreshBalance({ kind: "collateral" });
  const { balance } = await entry.collateral();
  const { risk, sizing } = ctx.config;
  const least = parseDecimal(sizing.mode === "fixed" ? sizing.usdc : risk.minNotionalUsdc, 6);
  const detail = `${moneyText(balance)} pUSD at the venue`;
  if (balance >= least) return ok(detail);
  return fail(
    `${detail}; one trade takes ${moneyText(least)}`,
    "Deposit pUSD, or run `poly-edge doctor --fix`: the venue's copy of the chain may be old.",
    { code: "BALANCE_INSUFFICIENT" },
  );
}

/** Spenders that a market of a version needs, by what people call them. */
const spenderOf = ({ negRisk, version }: Pick<Instrument, "negRisk" | "version">) =>
  version === "v2"
    ? { name: "Exchange V3", address: EXCHANGE_V3 }
    : negRisk
    ? { name: "Neg-risk Exchange V2", address: NEG_RISK_EXCHANGE_V2 }
    : { name: "Exchange V2", address: EXCHANGE_V2 };

function allowanceOf({ allowances }: Balance, address: string): number {
  const wanted = address.toLowerCase();
  const found = Object.entries(allowances).find(([spender]) => spender.toLowerCase() === wanted);
  // The older form of the answer names no spender.
  return found?.[1] ?? allowances["allowance"] ?? 0;
}

const APPROVE =
  "`poly-edge approve --spender exchange-v2,exchange-v3 --bounded` (docs/cash.md), then `poly-edge doctor --fix`.";

/** May the exchanges in use take pUSD for purchases and shares for sales? */
export async function checkAllowances(
  ctx: CommandContext,
  { entry }: OpenAccount,
  windows: readonly Instrument[],
): Promise<Finding> {
  const byVersion = new Map(windows.map((window) => [spenderOf(window).address, window]));
  if (byVersion.size === 0) return skip("no window could be looked up, so its exchange is not known");
  const collateral = await entry.collateral();
  const limit = parseDecimal(ctx.config.risk.maxTotalExposureUsdc, 6);
  const [good, bad, low]: [string[], string[], string[]] = [[], [], []];
  for (const window of byVersion.values()) {
    const { address, name } = spenderOf(window);
    invariant(window.version !== "unknown", "windows of unknown version are left out");
    const shares = await entry.conditional(window.upToken, window.version);
    const granted = allowanceOf(collateral, address);
    if (granted === 0) bad.push(`pUSD to ${name} (${address}): purchases will be refused`);
    else if (granted < limit) low.push(`pUSD to ${name} is limited to ${moneyText(granted)}`);
    if (allowanceOf(shares, address) === 0) bad.push(`shares to ${name} (${address}): sales will be refused`);
    good.push(`pUSD and shares to ${name}`);
  }
  if (bad.length > 0) return fail(`not approved: ${bad.join("; ")}`, APPROVE, { code: "ALLOWANCE_MISSING" });
  if (low.length > 0) {
    return warn(`${low.join("; ")}, below risk.maxTotalExposureUsdc`, "Raise the approval when it runs out.");
  }
  return ok(`${good.join(", ")}. Merging and redeeming make the approvals that they want.`);
}

/** A plain key pays for its own transactions. */
export async function checkGas({ account, polygon }: OpenAccount): Promise<Finding> {
  if (account.signatureType !== 0) {
    return skip("not needed: this kind of wallet redeems and withdraws through the venue's relayer");
  }
  const wei = await polygon.gas(account.key);
  const detail = `${gasText(wei)} POL`;
  return wei > 0n
    ? ok(detail)
    : warn(`${detail}: orders cost none, redeeming and withdrawing do`, `Send some POL to ${account.key}.`);
}
