/**
 * One engine per wallet: a lock file with process id and start time. The lock itself is the operating system's, so it goes
 * with the process however that ends; what a dead owner left in the file tells that it did not end well.
 */
import { OperationError } from "../../core/errors.ts";
import { journalError } from "./errors.ts";

export interface LockOwner {
  readonly pid: number;
  readonly startedAtMs: number;
}

export interface WalletLock {
  /** The last owner, when it ended without releasing the lock: reconcile before trading. */
  readonly crashed: LockOwner | null;
  release(): void;
}

function readOwner(file: Deno.FsFile): LockOwner | null {
  const buffer = new Uint8Array(200);
  file.seekSync(0, Deno.SeekMode.Start);
  const text = new TextDecoder().decode(buffer.subarray(0, file.readSync(buffer) ?? 0));
  const [, pid, startedAtMs] = /^(\d+) (\d+)\n$/.exec(text) ?? [];
  return pid === undefined ? null : { pid: Number(pid), startedAtMs: Number(startedAtMs) };
}

/** Takes the wallet. Throws WALLET_IN_USE, naming the owner, when another process has it. */
export function lockWallet(path: string, owner: LockOwner): WalletLock {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
  } catch (cause) {
    throw journalError("lock", path, cause);
  }
  try {
    const before = readOwner(file);
    if (!file.tryLockSync(true)) {
      throw new OperationError({
        code: "WALLET_IN_USE",
        message: `Cannot take the wallet of ${path}: ${
          before === null
            ? "another process has it"
            : `process ${before.pid} has had it since ${new Date(before.startedAtMs).toISOString()}`
        }`,
        hint: "One engine per wallet. Stop the other one first.",
        details: before === null ? {} : { pid: before.pid, startedAtMs: before.startedAtMs },
        exit: 3,
      });
    }
    // Read again: the owner may have ended well between our reading and our locking.
    const crashed = readOwner(file);
    file.truncateSync(0);
    file.seekSync(0, Deno.SeekMode.Start);
    file.writeSync(new TextEncoder().encode(`${owner.pid} ${owner.startedAtMs}\n`));
    file.syncSync();
    return {
      crashed,
      release: () => {
        // Emptied, not removed: a removed file could be locked by someone who had opened it before.
        file.truncateSync(0);
        file.close();
      },
    };
  } catch (cause) {
    file.close();
    throw journalError("lock", path, cause);
  }
}
