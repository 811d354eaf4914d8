/** A command's hands on the chain: the account with its key, the endpoints, the journal of payments and the wallet's lock. */
import type { Command } from "commander";
import { join } from "node:path";
import { isAddress } from "ethers";
import { OperationError } from "../../core/errors.ts";
import { ms } from "../../core/units.ts";
import type { Call } from "../../feeds/chain/contracts.ts";
import type { SendDesk } from "../../feeds/chain/desk.ts";
import { GWEI } from "../../feeds/chain/fees.ts";
import { MoneyJournal, moneyJournalPath } from "../../feeds/chain/money_journal.ts";
import { readAgreed, type Snapshot } from "../../feeds/chain/reads.ts";
import { relayerClient, type RelayerKey, relayTypeOf } from "../../feeds/chain/relayer.ts";
import { openRpc, type Rpc } from "../../feeds/chain/rpc.ts";
import { journalPath } from "../../feeds/journal/journal.ts";
import { lockWallet } from "../../feeds/journal/lock.ts";
import { Secret } from "../../feeds/keys/secret.ts";
import { type OpenAccount, polygonUrls, withAccount } from "../account.ts";
import type { CommandContext, OpenVenue } from "../command.ts";
import { secretsDesk } from "../run.ts";

/** The relayer key that a simulated venue knows, well known like its accounts. */
const SIM_RELAYER_KEY = "00000000-0000-0000-0000-000000000002";

export interface CashDesk extends SendDesk {
  readonly ctx: CommandContext;
  readonly open: OpenAccount;
  /** Reads all hosts at one block that contains everything we know to have happened. Throws as `readAgreed`. */
  read(calls: readonly Call[]): Promise<Snapshot>;
  /** Random text for names of runs and operations. */
  tag(): string;
}

/** Polygon endpoints of a money command: `chain.rpc`, else as `polygonUrls`. */
export const chainUrls = (ctx: CommandContext, venue: OpenVenue): readonly string[] =>
  ctx.config.chain.rpc.length > 0 ? ctx.config.chain.rpc : polygonUrls(ctx, venue);

/** Polygon as the configuration names it. */
export function openChain(ctx: CommandContext, open: Pick<OpenAccount, "http" | "venue">): Rpc {
  const { deadlineMs, maxBlockAgeMs } = ctx.config.chain;
  return openRpc({
    http: open.http,
    clock: open.venue.clock,
    urls: chainUrls(ctx, open.venue),
    signal: ctx.signal,
    maxBlockAgeMs,
    deadlineMs,
    onTrouble: (host, why) => ctx.log.warn("a Polygon endpoint gives trouble", { host, why }),
  });
}

/** The relayer API key: of the environment; a simulated venue's own without one. */
function relayerKey(ctx: CommandContext, open: OpenAccount): RelayerKey | null {
  const desk = secretsDesk(ctx);
  const key = desk.env("POLY_RELAYER_KEY");
  const address = desk.env("POLY_RELAYER_ADDRESS") ?? open.account.key;
  if (!isAddress(address)) {
    throw new OperationError({
      code: "WALLET_INVALID",
      message: "Cannot use POLY_RELAYER_ADDRESS as an address: it is not one",
      hint: "It is the address the relayer API key was made for.",
      exit: 2,
    });
  }
  if (key !== undefined) {
    const secret = new Secret(key);
    desk.hide([secret]);
    return { key: secret, address };
  }
  return open.venue.profile.name === "sim" ? { key: new Secret(SIM_RELAYER_KEY), address } : null;
}

/** Throws WALLET_IN_USE (exit 3) while an engine has the wallet; leaves what the lock file says untouched. */
function refuseEngine(dataDir: string, wallet: string): void {
  const path = `${journalPath(join(dataDir, "journal"), wallet)}.lock`;
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  try {
    if (file.tryLockSync(true)) return;
    throw new OperationError({
      code: "WALLET_IN_USE",
      message: `Cannot move money of ${wallet}: an engine is trading with it`,
      hint: "Stop it first (Ctrl-C, or `poly-edge kill`).",
      exit: 3,
    });
  } finally {
    file.close();
  }
}

export interface CashOptions {
  readonly key: string | null;
  readonly passphraseFd: number | null;
  /** The command must not run beside an engine of the same wallet. */
  readonly alone: boolean;
}

function noSession(): OperationError {
  return new OperationError({
    code: "ACCOUNT_MISMATCH",
    message: "Cannot move money with this key: it is a session key, which may only trade",
    hint: "Use the key that owns the wallet.",
    exit: 2,
  });
}

function limitsOf(ctx: CommandContext): SendDesk["limits"] {
  const { confirmations, giveUpMs, maxFeeGwei, minTipGwei, stuckAfterMs } = ctx.config.chain;
  const wei = (gwei: number): bigint => BigInt(Math.round(gwei * 1e9));
  return { cap: wei(maxFeeGwei), minTip: wei(minTipGwei), confirmations, giveUpMs, stuckAfterMs };
}

/**
 * Opens everything for a command that moves money, and closes it. Throws what `withAccount` throws, WALLET_IN_USE (exit 3)
 * beside another such command or an engine, MONEY_JOURNAL_DAMAGED.
 */
export async function withCashDesk<T>(
  ctx: CommandContext,
  options: CashOptions,
  work: (desk: CashDesk) => Promise<T>,
): Promise<T> {
  return await withAccount(ctx, { ...options, unlock: true }, async (open) => {
    const { account, pair, venue } = open;
    if (account.session || pair === null) throw noSession();
    if (options.alone) refuseEngine(ctx.dataDir, account.funder);
    const path = moneyJournalPath(ctx.dataDir, account.funder);
    Deno.mkdirSync(join(ctx.dataDir, "cash"), { recursive: true, mode: 0o700 });
    const lock = lockWallet(`${path}.lock`, { pid: Deno.pid, startedAtMs: ctx.startedAt });
    const progress = ctx.progress("chain");
    try {
      const journal = MoneyJournal.open(path);
      try {
        const rpc = openChain(ctx, open);
        const relayed = relayTypeOf(account) !== null;
        const wait = () => venue.clock.sleep(ms(1_000), ctx.signal);
        const minBlock = () =>
          [...journal.operations.values()].reduce(
            (most, { landing }) => Math.max(most, landing?.block ?? 0),
            0,
          );
        const desk: CashDesk = {
          ctx,
          open,
          rpc,
          journal,
          account,
          clock: venue.clock,
          signal: ctx.signal,
          key: pair.key,
          limits: limitsOf(ctx),
          relayer: relayed
            ? relayerClient({
              http: open.http,
              url: venue.profile.relayer,
              key: relayerKey(ctx, open),
              signal: ctx.signal,
              deadlineMs: ctx.config.chain.deadlineMs,
            })
            : null,
          onProgress: (note) => {
            ctx.log.info("chain", { note });
            progress.update(0, 0, note);
          },
          read: (calls) => readAgreed(rpc, calls, { minBlock: minBlock(), wait }),
          tag: () => crypto.randomUUID().slice(0, 8),
        };
        return await work(desk);
      } finally {
        journal.close();
      }
    } finally {
      progress.stop();
      lock.release();
    }
  });
}

/** Adds the flags that every money command has. */
export const cashFlags = (command: Command): Command =>
  command
    .option("--dry-run", "show what would be done, sign and send nothing")
    .option("--yes", "do it without asking");

/** POL of so many wei, as decimal text with six digits. */
export const polText = (wei: bigint): string => {
  const micro = wei / (GWEI * 1_000n);
  return `${micro / 1_000_000n}.${String(micro % 1_000_000n).padStart(6, "0")}`;
};

/** Millionths as decimal text with six digits, whatever their size. */
export const microText = (amount: bigint): string => {
  const [sign, value] = amount < 0n ? ["-", -amount] : ["", amount];
  return `${sign}${value / 1_000_000n}.${String(value % 1_000_000n).padStart(6, "0")}`;
};
