/**
 * Whose account a command speaks for, and with which API credentials. The private key is unlocked only when it is needed:
 * to sign, or to make or decrypt API credentials; with POLY_API_* and an address in the clear it stays where it is.
 */
import { getAddress, isAddress } from "ethers";
import { OperationError } from "../core/errors.ts";
import { apiCachePath, loadApiCredentials, saveApiCredentials } from "../feeds/keys/api_cache.ts";
import { fetchApiKey } from "../feeds/keys/api_key.ts";
import { chooseKey, type KeyChoice, loadKey, readPassphrase } from "../feeds/keys/key_source.ts";
import { DEFAULT_KEY_NAME, type KeyPair } from "../feeds/keys/keystore.ts";
import { Secret } from "../feeds/keys/secret.ts";
import type { HttpClient } from "../feeds/net/http.ts";
import { accountOf } from "../feeds/polymarket/signing/account.ts";
import type { ApiSecrets } from "../feeds/polymarket/signing/login.ts";
import type { Account } from "../feeds/polymarket/signing/order.ts";
import { walletsOf } from "../feeds/polymarket/signing/wallets.ts";
import type { CommandContext, OpenVenue } from "./command.ts";
import { secretsDesk } from "./run.ts";

export interface AccountOptions {
  /** `--key`: a keystore's name; null: POLY_PRIVATE_KEY when set, else `account.key`. */
  readonly key: string | null;
  /** `--passphrase-fd`. */
  readonly passphraseFd: number | null;
  /** The private key itself is wanted, for signing. */
  readonly unlock: boolean;
}

/** Where the login came from, for people. */
export type LoginSource = "environment" | "cache" | "derived" | "venue";

export interface Identity {
  readonly account: Account;
  /** null: nothing needed it. */
  readonly pair: KeyPair | null;
  readonly secrets: ApiSecrets;
  readonly login: LoginSource;
}

const API_VARIABLES = ["POLY_API_KEY", "POLY_API_SECRET", "POLY_API_PASSPHRASE"] as const;
/** Account 0 of a simulated venue, whose API credentials it states itself (a public test key's address). */
const SIM_ACCOUNT = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

/** All three variables, none, or SECRET_MISSING (exit 2): a part of them is a mistake that must not pass for "none". */
function environmentLogin(env: (name: string) => string | undefined): ApiSecrets | null {
  const values = API_VARIABLES.map(env);
  const absent = API_VARIABLES.filter((_, at) => values[at] === undefined);
  if (absent.length === API_VARIABLES.length) return null;
  if (absent.length > 0) {
    throw new OperationError({
      code: "SECRET_MISSING",
      message: `Cannot use the API credentials of the environment: ${absent.join(", ")} is not set`,
      hint: "Set all three of them, or none to have them derived from the key.",
      exit: 2,
    });
  }
  const [apiKey = "", secret = "", passphrase = ""] = values;
  return { apiKey: new Secret(apiKey), secret: new Secret(secret), passphrase: new Secret(passphrase) };
}

/** The key that is meant, or null when there is none at all. A damaged or wrongly named one throws. */
function keyOf(ctx: CommandContext, options: AccountOptions): KeyChoice | null {
  const { env } = secretsDesk(ctx);
  const { key } = ctx.config.account;
  const named = options.key ??
    (key !== DEFAULT_KEY_NAME && env("POLY_PRIVATE_KEY") === undefined ? key : null);
  try {
    return chooseKey(env, ctx.dataDir, named);
  } catch (error) {
    const none = error instanceof OperationError && error.code === "KEYSTORE_NOT_FOUND" && named === null;
    if (none) return null;
    throw error;
  }
}

/** The key's address, without unlocking anything. */
function addressOf(ctx: CommandContext, choice: KeyChoice | null): string | null {
  const { env } = secretsDesk(ctx);
  const stated = env("POLY_ADDRESS");
  if (stated !== undefined && !isAddress(stated)) {
    throw new OperationError({
      code: "WALLET_INVALID",
      message: "Cannot use POLY_ADDRESS as an address: it is not one",
      hint: "An address is 0x and 40 hex digits: that of the key, not of the wallet it owns.",
      exit: 2,
    });
  }
  if (choice === null) {
    const { funder, signatureType } = ctx.config.account;
    // The funder of a plain key is the key's own address.
    if (stated === undefined && signatureType === "0" && isAddress(funder)) return getAddress(funder);
    return stated === undefined ? null : getAddress(stated);
  }
  const own = getAddress(choice.source === "environment" ? choice.pair.address : choice.address);
  if (stated !== undefined && getAddress(stated) !== own) {
    throw new OperationError({
      code: "ACCOUNT_MISMATCH",
      message: `Cannot use this account: POLY_ADDRESS is ${getAddress(stated)}, the key's address is ${own}`,
      hint: "Remove POLY_ADDRESS, or choose the key that belongs to it.",
      exit: 2,
    });
  }
  return own;
}

/** The signature type that fits a funder; undefined where none is stated and none fits. */
function typeOf(key: string, funder: string, stated: string): string | undefined {
  if (stated !== "") return stated;
  if (!isAddress(funder)) return undefined;
  const { eoa, proxy, safe } = walletsOf(key);
  const at = [eoa, proxy, safe].indexOf(getAddress(funder));
  return at < 0 ? undefined : String(at);
}

/** Key, funder and type checked against each other. Throws ACCOUNT_MISMATCH (exit 2). */
function checkedAccount(ctx: CommandContext, key: string): Account {
  const { funder, signatureType } = ctx.config.account;
  const type = typeOf(key, funder, signatureType);
  return accountOf({
    key,
    ...(type === undefined ? {} : { signatureType: type }),
    ...(funder === "" ? {} : { funder }),
  });
}

function noAccount(hasLogin: boolean): OperationError {
  return new OperationError({
    code: "ACCOUNT_UNKNOWN",
    message: hasLogin
      ? "Cannot tell whose API credentials these are: there is no key and POLY_ADDRESS is not set"
      : "Cannot find an account: there is no POLY_PRIVATE_KEY, no keystore and no POLY_API_KEY",
    hint: hasLogin
      ? "Set POLY_ADDRESS to the address of the key (keys show prints it)."
      : "Run `poly-edge keys import`, or set POLY_API_KEY, POLY_API_SECRET, POLY_API_PASSPHRASE and POLY_ADDRESS.",
    exit: 2,
  });
}

async function unlocked(ctx: CommandContext, choice: KeyChoice, options: AccountOptions): Promise<KeyPair> {
  const desk = secretsDesk(ctx);
  const pair = await loadKey(choice, async () => {
    const input = { env: desk.env, terminal: desk.terminal, signal: ctx.signal };
    const passphrase = await readPassphrase(input, options.passphraseFd);
    desk.hide([passphrase]);
    return passphrase;
  });
  desk.hide([pair.key]);
  return pair;
}

export interface LoginRequest {
  readonly ctx: CommandContext;
  readonly pair: KeyPair;
  readonly http: HttpClient;
  readonly venue: OpenVenue;
  /** Ask the venue even when there is a copy on disk. */
  readonly fresh: boolean;
}

/**
 * API credentials of a key: the encrypted copy on disk, else the venue's, which are then kept. A simulated venue is always
 * asked: it forgets everything when it is started anew. Throws as `fetchApiKey` and `loadApiCredentials`.
 */
export async function loginOf(
  { ctx, fresh, http, pair, venue }: LoginRequest,
): Promise<{ readonly secrets: ApiSecrets; readonly login: LoginSource }> {
  const { clob, name } = venue.profile;
  const path = apiCachePath(ctx.dataDir, pair.address, clob);
  const kept = fresh || name === "sim" ? null : loadApiCredentials(path, pair, clob);
  if (kept !== null) return { secrets: kept.secrets, login: "cache" };
  const { secrets } = await fetchApiKey({ http, clob, pair, nonce: 0, signal: ctx.signal });
  if (name !== "sim") {
    const random = (into: Uint8Array) => void crypto.getRandomValues(into);
    saveApiCredentials({ path, pair, clob, credentials: { secrets, nonce: 0 }, random });
  }
  return { secrets, login: "derived" };
}

/**
 * Resolves the account of a command. Throws ACCOUNT_UNKNOWN, ACCOUNT_MISMATCH, SECRET_MISSING (exit 2) and what key, passphrase
 * and login throw. Everything secret is hidden from all output from here on.
 */
export async function identify(
  ctx: CommandContext,
  options: AccountOptions,
  parts: { readonly venue: OpenVenue; readonly http: HttpClient },
): Promise<Identity> {
  const { http, venue } = parts;
  const desk = secretsDesk(ctx);
  const given = environmentLogin(desk.env);
  const choice = keyOf(ctx, options);
  const address = addressOf(ctx, choice);
  if (choice === null && address === null && !options.unlock) {
    const own = venue.profile.name === "sim" && given === null ? venue.credentials : null;
    if (own !== null) return simIdentity(own);
  }
  if (address === null || choice === null && (options.unlock || given === null)) {
    throw noAccount(given !== null && address === null);
  }
  const account = checkedAccount(ctx, address);
  const pair = choice !== null && (options.unlock || given === null)
    ? await unlocked(ctx, choice, options)
    : null;
  const found = given !== null
    ? { secrets: given, login: "environment" as const }
    : await loginOf({ ctx, pair: pair as KeyPair, http, venue, fresh: false });
  desk.hide([found.secrets.apiKey, found.secrets.secret, found.secrets.passphrase]);
  return { account, pair, ...found };
}

function simIdentity(own: NonNullable<OpenVenue["credentials"]>): Identity {
  const { apiKey, passphrase, secret } = own;
  return {
    account: accountOf({ key: SIM_ACCOUNT, signatureType: "0" }),
    pair: null,
    secrets: { apiKey: new Secret(apiKey), secret: new Secret(secret), passphrase: new Secret(passphrase) },
    login: "venue",
  };
}
