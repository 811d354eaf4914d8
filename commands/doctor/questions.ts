/** All questions of `doctor`, in the order in which a person reads the answers. */
import type { Instrument } from "../../core/market/instrument.ts";
import { OperationError } from "../../core/errors.ts";
import { httpClient } from "../../feeds/net/http.ts";
import { openNetwork } from "../../feeds/net/network.ts";
import type { ApiCredentials } from "../../feeds/polymarket/polybolt_session.ts";
import { asVenueError } from "../../feeds/venue_error.ts";
import { type OpenAccount, openAccount, type OpenAccountOptions } from "../account.ts";
import type { CommandContext, OpenVenue } from "../command.ts";
import { type Check, examine, type Finding, findingOf, type Question, skip } from "./check.ts";
import { checkConfig, checkDisk, checkJournal, checkLatch } from "./machine.ts";
import {
  checkClock,
  checkFeeds,
  checkPlace,
  checkRules,
  checkWindows,
  firstData,
  nextWindows,
  type VenueParts,
} from "./venue.ts";
import { rulesHash, rulesOf } from "../trading/venue_rules.ts";
import {
  checkAllowances,
  checkApiKey,
  checkCollateral,
  checkGas,
  checkKey,
  checkStanding,
  checkWallet,
} from "./wallet.ts";

export interface Examination {
  readonly checks: readonly Check[];
  /** null: no account could be opened. */
  readonly account: Pick<OpenAccount, "account" | "login"> | null;
  /** null: no window could be looked up. */
  readonly rules: string | null;
}

export interface DoctorOptions {
  readonly account: OpenAccountOptions;
  readonly fix: boolean;
  readonly acceptDrift: boolean;
  /** Longest wait for the feeds' first data, wall ms. */
  readonly feedsMs: number;
  readonly onProgress: (done: number, total: number, name: string) => void;
}

/**
 * The account with its key, or without it (a simulated venue's own, or API credentials alone): then it can be read and not
 * trade. Otherwise what stands in the way.
 */
async function accountOr(
  ctx: CommandContext,
  options: OpenAccountOptions,
): Promise<OpenAccount | Finding> {
  try {
    try {
      return await openAccount(ctx, { ...options, unlock: true });
    } catch (error) {
      const keyless = error instanceof OperationError && error.code === "ACCOUNT_UNKNOWN";
      if (!keyless) throw error;
      return await openAccount(ctx, { ...options, unlock: false });
    }
  } catch (error) {
    ctx.signal.throwIfAborted();
    return findingOf(error);
  }
}

const isFinding = (value: OpenAccount | Finding): value is Finding => "status" in value;

interface Scene {
  readonly ctx: CommandContext;
  readonly options: DoctorOptions;
  readonly parts: VenueParts;
  readonly opened: OpenAccount | Finding;
  /** Asked once for three questions. */
  readonly windows: Promise<{ readonly found: readonly Instrument[]; readonly missing: readonly string[] }>;
}

const apiCredentials = (opened: OpenAccount | Finding, venue: OpenVenue): ApiCredentials | null =>
  isFinding(opened) ? venue.credentials : {
    apiKey: opened.secrets.apiKey.reveal(),
    secret: opened.secrets.secret.reveal(),
    passphrase: opened.secrets.passphrase.reveal(),
  };

function questionsOf({ ctx, opened, options, parts, windows }: Scene): Question[] {
  const ofAccount = (name: string, ask: (account: OpenAccount) => Promise<Finding> | Finding): Question => ({
    name,
    ask: () => isFinding(opened) ? skip("no account") : ask(opened),
  });
  const { fix } = options;
  return [
    { name: "config", ask: () => checkConfig(ctx) },
    { name: "disk", ask: () => checkDisk(ctx) },
    { name: "account", ask: () => isFinding(opened) ? opened : checkKey(opened) },
    ofAccount("wallet", checkWallet),
    ofAccount("api-key", (account) => checkApiKey(ctx, account, fix)),
    ofAccount("standing", checkStanding),
    { name: "place", ask: () => checkPlace(parts) },
    ofAccount("collateral", (account) => checkCollateral(ctx, account, fix)),
    ofAccount("allowances", async (account) => {
      const known = (await windows).found.filter(({ version }) => version !== "unknown");
      return await checkAllowances(ctx, account, known);
    }),
    ofAccount("gas", checkGas),
    { name: "clock", ask: () => checkClock(parts) },
    {
      name: "windows",
      ask: async () => {
        const { found, missing } = await windows;
        return checkWindows(found, missing);
      },
    },
    {
      name: "venue-rules",
      ask: async () => checkRules(parts, rulesOf((await windows).found), options.acceptDrift),
    },
    {
      name: "feeds",
      deadlineMs: options.feedsMs + 5_000,
      ask: async () => {
        const credentials = apiCredentials(opened, parts.venue);
        return checkFeeds(await firstData(parts, credentials, options.feedsMs), credentials !== null);
      },
    },
    ofAccount("journal", ({ account }) => checkJournal(ctx, account.funder)),
    { name: "latch", ask: () => checkLatch(ctx) },
  ];
}

/** Asks all at once: the slowest decides how long it takes. */
async function ask(questions: readonly Question[], options: DoctorOptions): Promise<Check[]> {
  let done = 0;
  const checks = await Promise.all(questions.map(async (question) => {
    const check = await examine(question);
    options.onProgress(++done, questions.length, question.name);
    return check;
  }));
  return checks;
}

/** The venue does not answer: only this machine can be examined. */
async function withoutVenue(ctx: CommandContext, options: DoctorOptions, why: Finding): Promise<Examination> {
  const checks = await ask([
    { name: "config", ask: () => checkConfig(ctx) },
    { name: "disk", ask: () => checkDisk(ctx) },
    { name: "venue", ask: () => why },
    { name: "latch", ask: () => checkLatch(ctx) },
  ], options);
  return { checks, account: null, rules: null };
}

/** Examines machine, account and venue. Rejects only with the signal's reason. */
export async function examineAll(ctx: CommandContext, options: DoctorOptions): Promise<Examination> {
  let venue: OpenVenue;
  try {
    venue = await ctx.venue();
  } catch (error) {
    ctx.signal.throwIfAborted();
    return await withoutVenue(ctx, options, findingOf(error));
  }
  const network = openNetwork(ctx.config.network.proxy);
  const http = httpClient({ network, clock: venue.clock, random: Math.random });
  const opened = await accountOr(ctx, options.account);
  try {
    const parts: VenueParts = { ctx, venue, network, http };
    const windows = nextWindows(parts).catch((error) => {
      throw asVenueError(error, venue.profile);
    });
    windows.catch(() => {});
    const checks = await ask(questionsOf({ ctx, options, parts, opened, windows }), options);
    ctx.signal.throwIfAborted();
    const found = await windows.then(({ found }) => found, () => []);
    return {
      checks,
      account: isFinding(opened) ? null : { account: opened.account, login: opened.login },
      rules: found.length === 0 ? null : rulesHash(rulesOf(found)),
    };
  } finally {
    if (!isFinding(opened)) await opened.close();
    network.close();
  }
}
