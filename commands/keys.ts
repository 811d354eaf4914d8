/** `keys`: an encrypted keystore, and API credentials of the venue. Prints addresses, never a secret. */
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import { apiCachePath, saveApiCredentials } from "../feeds/keys/api_cache.ts";
import { fetchApiKey } from "../feeds/keys/api_key.ts";
import { openToOthers, refuseExisting } from "../feeds/keys/files.ts";
import {
  chooseKey,
  type KeyChoice,
  loadKey,
  readPassphrase,
  readPrivateKey,
} from "../feeds/keys/key_source.ts";
import {
  createKeystore,
  DEFAULT_KEY_NAME,
  type KeyPair,
  keystorePath,
  newKey,
} from "../feeds/keys/keystore.ts";
import { httpClient } from "../feeds/net/http.ts";
import { openNetwork } from "../feeds/net/network.ts";
import type { FillRandom } from "../feeds/polymarket/signing/order.ts";
import { type Wallets, walletsOf } from "../feeds/polymarket/signing/wallets.ts";
import { asVenueError } from "../feeds/venue_error.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { facts } from "./output.ts";
import { parseCount } from "./parse.ts";
import { attach, examples, secretsDesk } from "./run.ts";

type Options = Record<string, unknown>;

const random: FillRandom = (into) => void crypto.getRandomValues(into);

function fdOf(options: Options, name: "passphraseFd" | "keyFd"): number | null {
  const flag = name === "keyFd" ? "--key-fd" : "--passphrase-fd";
  const text = options[name];
  if (text === undefined) return null;
  const fd = parseCount(String(text), flag, 0, 255);
  if (fd !== 1 && fd !== 2) return fd;
  throw new OperationError({
    code: "USAGE",
    message: `Cannot read ${flag} as a descriptor to read from: current value is ${fd}, an output`,
    hint: `For example: ${flag} 0`,
    exit: 2,
  });
}

const nameOf = (options: Options): string | null => {
  const name = options["name"];
  return typeof name === "string" ? name : null;
};

/** What `keys` prints of a key: its own address and those of every wallet it may own. */
const addressesOf = ({ eoa, proxy, safe, deposit, depositOld }: Wallets) => ({
  address: eoa,
  wallets: { eoa, proxy, safe, deposit, depositOld },
});

const addressText = (ctx: CommandContext, { eoa, proxy, safe, deposit, depositOld }: Wallets): string =>
  facts([
    ["key (type 0)", eoa],
    ["proxy (type 1)", proxy],
    ["Safe (type 2)", safe],
    ["deposit wallet (type 3)", deposit],
    ["... from before 2026-06-29", depositOld],
  ], ctx.color);

function secretInput(ctx: CommandContext) {
  const { env, terminal } = secretsDesk(ctx);
  return { env, terminal, signal: ctx.signal };
}

/** Keeps the key out of everything printed from now on. */
function guard(ctx: CommandContext, pair: KeyPair): void {
  secretsDesk(ctx).hide([pair.key]);
}

async function passphraseOf(ctx: CommandContext, options: Options, confirm = false) {
  const passphrase = await readPassphrase(secretInput(ctx), fdOf(options, "passphraseFd"), confirm);
  secretsDesk(ctx).hide([passphrase]);
  return passphrase;
}

async function store(ctx: CommandContext, options: Options, pair: KeyPair): Promise<CommandResult> {
  guard(ctx, pair);
  const path = keystorePath(ctx.dataDir, nameOf(options) ?? DEFAULT_KEY_NAME);
  refuseExisting(path);
  const passphrase = await passphraseOf(ctx, options, true);
  await createKeystore({ path, pair, passphrase });
  const wallets = walletsOf(pair.address);
  return {
    data: { ...addressesOf(wallets), keystore: path },
    text: `${
      addressText(ctx, wallets)
    }\n\nkeystore ${path}\nWithout its passphrase the key is lost: keep both.`,
  };
}

const make = (ctx: CommandContext, _args: string[], options: Options): Promise<CommandResult> =>
  store(ctx, options, newKey(random));

async function importKey(ctx: CommandContext, _args: string[], options: Options): Promise<CommandResult> {
  const [keyFd, passphraseFd] = [fdOf(options, "keyFd"), fdOf(options, "passphraseFd")];
  if (keyFd !== null && keyFd === passphraseFd) {
    throw new OperationError({
      code: "USAGE",
      message: `Cannot read key and passphrase from one descriptor: current value of both is ${keyFd}`,
      hint: "Give the passphrase as POLY_EDGE_PASSPHRASE, or use two descriptors.",
      exit: 2,
    });
  }
  return await store(ctx, options, await readPrivateKey(secretInput(ctx), keyFd));
}

function choose(ctx: CommandContext, options: Options): KeyChoice {
  const choice = chooseKey(secretsDesk(ctx).env, ctx.dataDir, nameOf(options));
  if (choice.source === "environment") return choice;
  const mode = openToOthers(choice.path);
  if (mode !== null) {
    ctx.warn({
      code: "KEY_FILE_OPEN",
      message: `Others than its owner may use ${choice.path}: its mode is ${mode}. Run: chmod 600 on it.`,
    });
  }
  return choice;
}

async function show(ctx: CommandContext, _args: string[], options: Options): Promise<CommandResult> {
  const choice = choose(ctx, options);
  if (options["verify"] === true) guard(ctx, await loadKey(choice, () => passphraseOf(ctx, options)));
  const wallets = walletsOf(choice.source === "environment" ? choice.pair.address : choice.address);
  return { data: addressesOf(wallets), text: addressText(ctx, wallets) };
}

async function deriveApi(ctx: CommandContext, _args: string[], options: Options): Promise<CommandResult> {
  const nonce = parseCount(String(options["nonce"]), "--nonce", 0);
  const pair = await loadKey(choose(ctx, options), () => passphraseOf(ctx, options));
  guard(ctx, pair);
  const venue = await ctx.venue();
  const { clob } = venue.profile;
  const network = openNetwork(ctx.config.network.proxy);
  try {
    const http = httpClient({ network, clock: venue.clock, random: Math.random });
    const { secrets, created } = await fetchApiKey({ http, clob, pair, nonce, signal: ctx.signal });
    secretsDesk(ctx).hide([secrets.apiKey, secrets.secret, secrets.passphrase]);
    const path = apiCachePath(ctx.dataDir, pair.address, clob);
    saveApiCredentials({ path, pair, clob, credentials: { secrets, nonce }, random });
    return {
      data: { address: pair.address, venue: venue.profile.name, nonce, created, credentials: path },
      text: facts([
        ["key", pair.address],
        ["venue", venue.profile.name],
        ["API credentials", created ? "made" : "found again"],
        ["encrypted in", path],
      ], ctx.color),
    };
  } catch (error) {
    throw asVenueError(error, venue.profile);
  } finally {
    network.close();
  }
}

const NAME = "file name of the keystore, without .json";
const PASSPHRASE = "read the passphrase from this file descriptor (0 is stdin)";

function keystoreCommands(group: Command): void {
  attach(
    group.command("new")
      .description("Make a key and encrypt it; asks for a passphrase, or takes POLY_EDGE_PASSPHRASE")
      .option("--name <name>", NAME, DEFAULT_KEY_NAME)
      .option("--passphrase-fd <n>", PASSPHRASE)
      .addHelpText("after", examples(["keys new", "keys new --name hot --passphrase-fd 0 < passphrase.txt"])),
    "keys new",
    make,
  );
  attach(
    group.command("import")
      .description("Encrypt a key you have: from POLY_PRIVATE_KEY, a file descriptor, or a prompt")
      .option("--name <name>", NAME, DEFAULT_KEY_NAME)
      .option("--key-fd <n>", "read the private key from this file descriptor (0 is stdin)")
      .option("--passphrase-fd <n>", PASSPHRASE)
      .addHelpText("after", examples(["keys import", "keys import --name hot --key-fd 0 < key.txt"])),
    "keys import",
    importKey,
  );
}

/** Adds `keys`. */
export function register(program: Command): void {
  const group = program.command("keys")
    .description("An encrypted keystore, its wallets, and API credentials. Secrets are never printed.")
    .addHelpText("after", examples(["keys new", "keys show", "keys derive-api --venue sim"]));
  keystoreCommands(group);
  attach(
    group.command("show")
      .description("Addresses of a key and its wallets; asks for no passphrase unless --verify is given")
      .option("--name <name>", `${NAME}; without it POLY_PRIVATE_KEY when set, else ${DEFAULT_KEY_NAME}`)
      .option("--verify", "decrypt the keystore to prove passphrase and address")
      .option("--passphrase-fd <n>", PASSPHRASE)
      .addHelpText("after", examples(["keys show", "keys show --name hot --verify"])),
    "keys show",
    show,
  );
  attach(
    group.command("derive-api")
      .description(
        "Make API credentials at the venue, or find them again; kept encrypted beside the keystore",
      )
      .option("--name <name>", `${NAME}; without it POLY_PRIVATE_KEY when set, else ${DEFAULT_KEY_NAME}`)
      .option("--nonce <n>", "the same nonce gives the same credentials", "0")
      .option("--passphrase-fd <n>", PASSPHRASE)
      .addHelpText("after", examples(["keys derive-api --venue sim", "keys derive-api --nonce 1"])),
    "keys derive-api",
    deriveApi,
    { proxy: true },
  );
}
