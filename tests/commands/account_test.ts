import assert from "node:assert/strict";
import type { Command } from "commander";
import { loginOf } from "../../commands/account_choice.ts";
import { openAccount } from "../../commands/account.ts";
import type { CommandContext } from "../../commands/command.ts";
import { attach } from "../../commands/run.ts";
import { arm } from "../../commands/trading/arming.ts";
import { hostOf, writeRecord } from "../../commands/trading/doctor_record.ts";
import { apiCachePath } from "../../feeds/keys/api_cache.ts";
import { parseKey } from "../../feeds/keys/keystore.ts";
import type { Terminal } from "../../feeds/keys/prompt.ts";
import { secret } from "../../feeds/keys/secret.ts";
import { poly } from "../cli/harness.ts";
import type { Loose } from "../fixtures/venue_client.ts";
import { TEST_KEYS } from "../venue/official.ts";
import { type AccountDesk, withAccountDesk } from "./account_desk.ts";

const WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const PASSPHRASE = "correct horse battery";

/** Runs `act` as a command of its own in the program. */
async function asCommand(
  desk: AccountDesk,
  act: (ctx: CommandContext) => Promise<unknown>,
  more: {
    readonly env?: Readonly<Record<string, string>>;
    readonly terminal?: Terminal;
    readonly set?: string[];
  } = {},
) {
  const probe = (program: Command) =>
    attach(program.command("probe"), "probe", async (ctx) => ({ data: await act(ctx) ?? {} }));
  const sets = (more.set ?? []).flatMap((text) => ["--set", text]);
  return await poly(["probe", "--venue", desk.http, "--data", desk.data, "--json", ...sets], {
    env: { ...more.env ?? desk.env, ...(more.set === undefined ? {} : { POLY_EDGE_LIVE: "true" }) },
    commands: [probe],
    ...(more.terminal === undefined ? {} : { terminal: more.terminal }),
  });
}

const typing = (text: string): Terminal & { readonly shown: string[] } => {
  const shown: string[] = [];
  let left: string | null = `${text}\n`;
  return {
    shown,
    isTerminal: true,
    setRaw: () => {},
    read: () => {
      const now = left;
      left = null;
      return Promise.resolve(now === null ? null : new TextEncoder().encode(now));
    },
    write: (line) => void shown.push(line),
  };
};

Deno.test("a keystore's account: unlocked by its passphrase when the login has to be derived, not otherwise", async () => {
  await withAccountDesk({}, async (desk) => {
    const pass = { POLY_EDGE_PASSPHRASE: PASSPHRASE, POLY_SIGNATURE_TYPE: "0" };
    const made = await desk.cli(["keys", "import", "--name", "hot"], { env: { ...pass, ...desk.env } });
    assert.equal(made.code, 0, made.err);
    const ran = await desk.cli(["balance", "--key", "hot", "--json"], { env: pass });
    const data = ran.envelope?.data as Loose;
    assert.deepEqual([data.wallet, data.login, data.collateral], [WALLET, "derived", "10000.000000"]);
    const { POLY_EDGE_PASSPHRASE: _, ...locked } = { ...pass, ...desk.apiEnv } as Record<string, string>;
    const read = await desk.cli(["balance", "--key", "hot", "--json"], { env: locked });
    assert.equal(
      (read.envelope?.data as Loose).login,
      "environment",
      "the keystore's address is in the clear",
    );
    const wrong = await desk.cli(["balance", "--key", "none", "--json"], { env: pass });
    assert.deepEqual([wrong.code, wrong.envelope?.error?.code], [2, "KEYSTORE_NOT_FOUND"]);
  });
});

Deno.test("a derived login of a real venue is kept encrypted and used again; asked anew on demand", async () => {
  await withAccountDesk({}, async (desk) => {
    const pair = parseKey(secret(TEST_KEYS[0]), "a test");
    const ran = await asCommand(desk, async (ctx) => {
      const account = await openAccount(ctx);
      try {
        // Only a simulated venue's credentials are never kept: it forgets them.
        const profile = { ...account.venue.profile, name: "polymarket" as const };
        const request = { ctx, pair, http: account.http, venue: { ...account.venue, profile } };
        const logins: string[] = [];
        for (const fresh of [false, false, true]) {
          const { login, secrets } = await loginOf({ ...request, fresh });
          assert.equal(secrets.apiKey.reveal(), desk.apiKey);
          logins.push(login);
        }
        const kept = await Deno.readTextFile(apiCachePath(ctx.dataDir, pair.address, profile.clob));
        assert.ok(!kept.includes(desk.secrets.secret.reveal()));
        return { logins };
      } finally {
        await account.close();
      }
    });
    assert.deepEqual((ran.envelope?.data as Loose)?.logins, ["derived", "cache", "derived"], ran.out);
  });
});

Deno.test("a blocked place is exit 4", async () => {
  await withAccountDesk({}, async (desk) => {
    await desk.control({ action: "geoblock", on: true });
    const env = { ...desk.apiEnv, POLY_ADDRESS: WALLET };
    for (const argv of [["balance"], ["cancel-all"], ["positions"]]) {
      const ran = await desk.cli([...argv, "--json"], { env });
      assert.deepEqual([ran.code, ran.envelope?.error?.code], [4, "GEO_BLOCKED"], ran.out);
    }
  });
});

const CHOSEN = [
  "sizing.usdc=5",
  "risk.maxPositionPerMarketUsdc=20",
  "risk.maxTotalExposureUsdc=50",
];

Deno.test("arming: all that is missing in one refusal; asked only when the word alone is missing", async () => {
  await withAccountDesk({}, async (desk) => {
    const armed = (yes: boolean) => async (ctx: CommandContext) => {
      const account = await openAccount(ctx);
      try {
        await arm(ctx, account, yes);
        return { armed: true };
      } finally {
        await account.close();
      }
    };
    const never = typing("live");
    const bare = await asCommand(desk, armed(false), { terminal: never });
    assert.deepEqual([bare.code, bare.envelope?.error?.code], [3, "ARMING_INCOMPLETE"]);
    const missing = bare.envelope?.error?.details["missing"] as { code: string }[];
    assert.deepEqual(missing.map(({ code }) => code), [
      "LIVE_NOT_ENABLED",
      "LIMIT_NOT_CHOSEN",
      "LIMIT_NOT_CHOSEN",
      "LIMIT_NOT_CHOSEN",
      "DOCTOR_MISSING",
      "NOT_CONFIRMED",
    ]);
    assert.deepEqual(never.shown, [], "nobody is asked in vain");
    const clob = `${desk.http}/clob`;
    const pass = {
      wallet: WALLET.toLowerCase(),
      host: hostOf(clob),
      atMs: Date.now(),
      ok: true,
      failed: [],
      rules: null,
    };
    writeRecord(desk.data, clob, pass);
    const word = typing("live");
    const asked = await asCommand(desk, armed(false), { set: CHOSEN, terminal: word });
    assert.deepEqual(asked.envelope?.data, { armed: true }, asked.out);
    assert.match(word.shown.join(""), /at most 20 pUSD a window, 50 pUSD in all/);
    const yes = await asCommand(desk, armed(true), { set: CHOSEN });
    assert.deepEqual(yes.envelope?.data, { armed: true });
    for (const text of ["yes", "paper", ""]) {
      const no = await asCommand(desk, armed(false), { set: CHOSEN, terminal: typing(text) });
      assert.deepEqual([no.code, no.envelope?.error?.code], [3, "ARMING_INCOMPLETE"], text);
    }
    await desk.cli(["kill", "--no-cancel"]);
    const latched = await asCommand(desk, armed(true), { set: CHOSEN });
    const [only, ...others] = latched.envelope?.error?.details["missing"] as { code: string }[];
    assert.deepEqual([only?.code, others], ["LATCH_SET", []]);
  });
});
