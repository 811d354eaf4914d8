/** Which wallet trades for a key, and a signer for it that has proved itself. */
import { computeAddress, getAddress, getBytes, isAddress } from "ethers";
import { invariant, OperationError } from "../../../core/errors.ts";
import { Secret } from "../../keys/secret.ts";
import { exchangeOf, ZERO_32 } from "./contracts.ts";
import { type Curve, openCurve } from "./curve.ts";
import { fastSigner, type OrderSigner } from "./fast_signer.ts";
import type { Account, FillRandom, OrderFields, SignatureType } from "./order.ts";
import { signOrderReference } from "./reference.ts";
import { type Wallets, walletsOf } from "./wallets.ts";

export interface AccountChoice {
  /** Address of the key that signs. */
  readonly key: string;
  /** POLY_SIGNATURE_TYPE; 3 (deposit wallet) when absent, the kind of every account since 2026-05-04. */
  readonly signatureType?: string;
  /** POLY_FUNDER; derived from the key when absent. */
  readonly funder?: string;
  /** The key is a session key of the deposit wallet `funder`. */
  readonly session?: boolean;
}

function mismatch(reason: string, hint: string): OperationError {
  return new OperationError({
    code: "ACCOUNT_MISMATCH",
    message: `Cannot use this account: ${reason}`,
    hint,
    exit: 2,
  });
}

function fundersOf(wallets: Wallets, type: SignatureType): readonly string[] {
  switch (type) {
    case 0:
      return [wallets.eoa];
    case 1:
      return [wallets.proxy];
    case 2:
      return [wallets.safe];
    case 3:
      return [wallets.deposit, wallets.depositOld];
  }
}

/**
 * Checks key, signature type and funder against each other, before the venue refuses an order for it. Throws
 * ACCOUNT_MISMATCH (exit 2) naming the wallets that would fit.
 */
export function accountOf(choice: AccountChoice): Account {
  const { signatureType = "3", session = false } = choice;
  if (!/^[0-3]$/.test(signatureType)) {
    throw mismatch(
      `the signature type must be 0, 1, 2 or 3, current value is ${signatureType}`,
      "0 EOA, 1 proxy, 2 Safe, 3 deposit wallet; set POLY_SIGNATURE_TYPE.",
    );
  }
  const type = Number(signatureType) as SignatureType;
  if (choice.funder !== undefined && !isAddress(choice.funder)) {
    throw mismatch(`the funder is no address, current value is ${choice.funder}`, "Correct POLY_FUNDER.");
  }
  const key = getAddress(choice.key);
  const funder = choice.funder === undefined ? null : getAddress(choice.funder);
  if (session) {
    if (type !== 3 || funder === null) {
      throw mismatch(
        `a session key trades for a deposit wallet that is named, current value is type ${type}, funder ${funder}`,
        "Set POLY_SIGNATURE_TYPE=3 and POLY_FUNDER to the deposit wallet.",
      );
    }
    return { key, funder, signatureType: type, session };
  }
  const fitting = fundersOf(walletsOf(key), type);
  if (funder !== null && !fitting.includes(funder)) {
    throw mismatch(
      `the wallet of key ${key} with signature type ${type} is ${
        fitting.join(" or ")
      }, current value is ${funder}`,
      "Set POLY_FUNDER to the address on your profile page and POLY_SIGNATURE_TYPE to its kind; `keys show` lists all.",
    );
  }
  return { key, funder: funder ?? (fitting[0] as string), signatureType: type, session };
}

export interface SignerOptions {
  readonly account: Account;
  /** Private key, 0x and 64 hex digits. */
  readonly key: Secret<string>;
  /** Seeds the blinding of the curve. */
  readonly random: FillRandom;
  /** Reuses an opened curve. */
  readonly curve?: Curve;
}

const probe = ({ key, funder, signatureType }: Account): OrderFields => ({
  salt: 479_249_096_354,
  maker: funder,
  signer: signatureType === 3 ? funder : key,
  tokenId: "1234",
  makerAmount: 100_000_000,
  takerAmount: 50_000_000,
  side: "buy",
  signatureType,
  timestamp: 1_710_000_000_000,
  metadata: ZERO_32,
  builder: ZERO_32,
});

/**
 * Orders signed at the start and thrown away. A WebAssembly module runs slowly at first and is compiled again while it
 * runs: without them some of the first orders take 2 to 6 ms, with them all stay below half of one (measured
 * 2026-11-21). Costs 50 ms at the start.
 */
const WARM_UP = 600;

/**
 * The fast signer of an account, after it gave the same hash and signature as ethers for one order of each exchange.
 * Throws ACCOUNT_MISMATCH when the key is not the account's, InvariantError when the two ways of signing differ.
 */
export async function openSigner(options: SignerOptions): Promise<OrderSigner> {
  const { account, key, random } = options;
  const own = computeAddress(key.reveal());
  if (own !== account.key) {
    throw mismatch(
      `its key is ${account.key}, current value is the key of ${own}`,
      "Use the key of this account.",
    );
  }
  const seed = new Uint8Array(32);
  random(seed);
  const curve = options.curve ?? await openCurve(new Secret(seed));
  const bytes = getBytes(key.reveal());
  const signer = fastSigner(account, new Secret(bytes), curve);
  bytes.fill(0);
  const fields = probe(account);
  for (const version of ["v1", "v2"] as const) {
    const domain = exchangeOf({ version, negRisk: false });
    const fast = signer.sign(fields, domain);
    const slow = signOrderReference(fields, domain, key, account.session ? account.key : null);
    invariant(
      fast.hash === slow.hash && fast.signature === slow.signature,
      "both ways of signing give the same bytes",
    );
  }
  const domain = exchangeOf({ version: "v1", negRisk: false });
  for (let salt = 0; salt < WARM_UP; salt++) signer.sign({ ...fields, salt }, domain);
  return signer;
}
