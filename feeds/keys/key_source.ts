/** Where the private key of a run comes from: POLY_PRIVATE_KEY, or a keystore and its passphrase. */
import { OperationError } from "../../core/errors.ts";
import {
  DEFAULT_KEY_NAME,
  type KeyPair,
  keystoreAddress,
  keystorePath,
  openKeystore,
  parseKey,
} from "./keystore.ts";
import { promptSecret, secretFromFd, type Terminal } from "./prompt.ts";
import { Secret } from "./secret.ts";

export interface SecretInput {
  readonly env: (name: string) => string | undefined;
  /** null: nobody can be asked. */
  readonly terminal: Terminal | null;
  readonly signal: AbortSignal;
}

function missing(what: string, ways: string): OperationError {
  return new OperationError({
    code: "SECRET_MISSING",
    message: `Cannot go on without ${what}: none was given and there is no terminal to ask at`,
    hint: ways,
    exit: 2,
  });
}

/**
 * A passphrase: file descriptor, else POLY_EDGE_PASSPHRASE, else a prompt (asked twice with `confirm`). Throws
 * SECRET_MISSING, SECRET_UNREADABLE or PASSPHRASE_MISMATCH (exit 2).
 */
export async function readPassphrase(
  input: SecretInput,
  fd: number | null,
  confirm = false,
): Promise<Secret<string>> {
  if (fd !== null) return secretFromFd(fd, "the passphrase");
  const given = input.env("POLY_EDGE_PASSPHRASE");
  if (given !== undefined) return new Secret(given);
  const { terminal, signal } = input;
  if (terminal === null || !terminal.isTerminal) {
    throw missing("a passphrase", "Set POLY_EDGE_PASSPHRASE, or use --passphrase-fd with a pipe.");
  }
  const first = await promptSecret(terminal, "Passphrase of the keystore (not shown)", signal);
  if (!confirm) return first;
  const second = await promptSecret(terminal, "The same passphrase again", signal);
  if (first.reveal() === second.reveal()) return first;
  throw new OperationError({
    code: "PASSPHRASE_MISMATCH",
    message: "Cannot protect the key: the two passphrases differ",
    hint: "Run the command again.",
    exit: 2,
  });
}

/** A private key to import: file descriptor, else POLY_PRIVATE_KEY, else a prompt. Throws KEY_INVALID, SECRET_MISSING (exit 2). */
export async function readPrivateKey(input: SecretInput, fd: number | null): Promise<KeyPair> {
  if (fd !== null) return parseKey(secretFromFd(fd, "the private key"), `file descriptor ${fd}`);
  const given = input.env("POLY_PRIVATE_KEY");
  if (given !== undefined) return parseKey(new Secret(given), "POLY_PRIVATE_KEY");
  const { terminal, signal } = input;
  if (terminal === null || !terminal.isTerminal) {
    throw missing("a private key", "Set POLY_PRIVATE_KEY, or use --key-fd with a pipe.");
  }
  return parseKey(await promptSecret(terminal, "Private key (not shown)", signal), "the text typed");
}

/** Which key is meant. */
export type KeyChoice =
  | { readonly source: "environment"; readonly pair: KeyPair }
  | { readonly source: "keystore"; readonly path: string; readonly address: string };

/**
 * A named keystore when a name is given; else POLY_PRIVATE_KEY when it is set; else the keystore `default`. Throws
 * KEY_INVALID, KEYSTORE_NOT_FOUND (exit 2), KEYSTORE_DAMAGED (exit 1).
 */
export function chooseKey(env: SecretInput["env"], dataDir: string, name: string | null): KeyChoice {
  const given = name === null ? env("POLY_PRIVATE_KEY") : undefined;
  if (given !== undefined) {
    return { source: "environment", pair: parseKey(new Secret(given), "POLY_PRIVATE_KEY") };
  }
  const path = keystorePath(dataDir, name ?? DEFAULT_KEY_NAME);
  return { source: "keystore", path, address: keystoreAddress(path) };
}

/** The key itself; asks for a passphrase only when a keystore needs one. Throws as `openKeystore` and `readPassphrase`. */
export async function loadKey(
  choice: KeyChoice,
  passphrase: () => Promise<Secret<string>>,
): Promise<KeyPair> {
  return choice.source === "environment" ? choice.pair : await openKeystore(choice.path, await passphrase());
}
