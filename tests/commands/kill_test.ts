import assert from "node:assert/strict";
import { join } from "node:path";
import { latchOf } from "../../commands/trading/latches.ts";
import { openJournal } from "../../feeds/journal/journal.ts";
import { readLatch } from "../../feeds/journal/latch.ts";
import type { Terminal } from "../../feeds/keys/prompt.ts";
import { poly } from "../cli/harness.ts";
import { withAccountDesk } from "./account_desk.ts";

const typing = (...lines: string[]): Terminal & { readonly shown: string[] } => {
  const shown: string[] = [];
  return {
    shown,
    isTerminal: true,
    setRaw: () => {},
    read: () => {
      const line = lines.shift();
      return Promise.resolve(line === undefined ? null : new TextEncoder().encode(line));
    },
    write: (text) => void shown.push(text),
  };
};

async function withData(act: (data: string) => Promise<void>): Promise<void> {
  const data = await Deno.makeTempDir();
  try {
    await act(data);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
}

Deno.test("kill sets the latch before anything else: no venue, no key, and it is on disk; exit 5 says what is left", async () => {
  await withData(async (data) => {
    const ran = await poly(["kill", "--reason", "a drill", "--venue", "sim:1", "--data", data, "--json"]);
    assert.equal(ran.code, 5, ran.out);
    const latch = readLatch(join(data, "latches"));
    assert.deepEqual([latch.set, latch.mark?.code, latch.mark?.reason], [true, "KILL", "a drill"]);
    const { data: told, warnings } = ran.envelope!;
    assert.deepEqual((told?.["latch"] as Record<string, unknown>)["code"], "KILL");
    assert.equal(told?.["openAfter"], null);
    assert.equal(told?.["troubleCode"], "VENUE_UNREACHABLE");
    assert.equal(warnings?.[0]?.code, "ORDERS_LEFT");
  });
});

Deno.test("kill --no-cancel touches no orders; a second kill keeps the first cause; --status changes nothing", async () => {
  await withData(async (data) => {
    const run = (...argv: string[]) => poly([...argv, "--venue", "sim:1", "--data", data, "--json"]);
    const status = await run("kill", "--status");
    assert.deepEqual(status.envelope?.data?.["latch"], {
      set: false,
      code: null,
      reason: null,
      who: null,
      at: null,
    });
    assert.equal(readLatch(join(data, "latches")).set, false);
    assert.equal((await run("kill", "--no-cancel", "--reason", "first")).code, 0);
    assert.equal((await run("kill", "--no-cancel", "--reason", "second")).code, 0);
    assert.equal(readLatch(join(data, "latches")).mark?.reason, "first");
    const long = await run("kill", "--no-cancel", "--reason", "x".repeat(201));
    assert.deepEqual([long.code, long.envelope?.error?.code], [2, "USAGE"]);
  });
});

Deno.test("resume shows the cause and clears only on a confirmation", async () => {
  await withData(async (data) => {
    const folder = join(data, "latches");
    const globals = ["--data", data];
    assert.equal((await poly(["resume", ...globals])).code, 0, "a clear latch is no error");
    await poly(["kill", "--no-cancel", "--reason", "news", ...globals]);
    const refused = await poly(["resume", ...globals, "--json"]);
    assert.deepEqual([refused.code, refused.envelope?.error?.code], [3, "NOT_CONFIRMED"]);
    const details = refused.envelope?.error?.details["latch"] as Record<string, unknown>;
    assert.equal(details["reason"], "news");
    for (const words of [["no\n"], ["\n"], []]) {
      const ran = await poly(["resume", ...globals], { terminal: typing(...words) });
      assert.equal(ran.code, 3, words.join());
      assert.ok((ran.out + ran.err).includes("news"), "the cause is shown");
      assert.equal(readLatch(folder).set, true);
    }
    const status = await poly(["resume", "--status", "--yes", ...globals, "--json"]);
    assert.equal(status.envelope?.data?.["cleared"], false);
    assert.equal(readLatch(folder).set, true);
    const asked = typing("res", "ume\r\n");
    assert.equal((await poly(["resume", ...globals], { terminal: asked })).code, 0);
    assert.ok(asked.shown.join("").includes("Type resume"));
    assert.deepEqual([readLatch(folder).set, readLatch(folder).mark?.code], [false, "RESUME"]);
    await poly(["kill", "--no-cancel", ...globals]);
    const yes = await poly(["resume", "--yes", ...globals, "--json"]);
    assert.deepEqual([yes.code, yes.envelope?.data?.["cleared"]], [0, true]);
  });
});

Deno.test("a latch that stands in a journal alone is shown, keeps from arming, and is cleared by resume for good", async () => {
  await withData(async (data) => {
    const journal = openJournal({
      folder: join(data, "journal"),
      wallet: "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
      owner: { pid: 1, startedAtMs: 1 },
    });
    assert.equal([...journal.rows()].length, 0);
    const trip = (code: string) =>
      journal.append("latch", { set: true, code, reason: "why", who: "trade", at: 5 }, 5);
    trip("KILL_DRAWDOWN");
    const run = (...argv: string[]) => poly([...argv, "--data", data, "--json"]);
    const latch = async () =>
      (await run("kill", "--status")).envelope?.data?.["latch"] as { set: boolean; code: string };
    assert.deepEqual([(await latch()).set, (await latch()).code], [true, "KILL_DRAWDOWN"]);
    assert.equal(latchOf(data).state.set, true, "what arming reads");
    assert.equal((await run("resume")).code, 3);
    const cleared = await run("resume", "--yes");
    assert.equal((cleared.envelope?.data?.["was"] as { code: string }).code, "KILL_DRAWDOWN");
    assert.equal((await latch()).set, false);
    await run("kill", "--no-cancel");
    await run("resume", "--yes");
    assert.equal((await latch()).set, false, "the same row is not found again after another latch");
    trip("KILL_LATENCY");
    assert.deepEqual([(await latch()).set, (await latch()).code], [true, "KILL_LATENCY"], "a new one is");
    journal.close();
  });
});

Deno.test("kill cancels every order and proves it; so does cancel-all, with API credentials alone", async () => {
  await withAccountDesk({}, async ({ apiEnv, cli, data, entry, rest }) => {
    const first = [await rest(0.02, 50), await rest(0.01, 100)];
    const ran = await cli(["kill", "--json"]);
    assert.equal(ran.code, 0, ran.out + ran.err);
    assert.deepEqual([...ran.envelope?.data?.["canceled"] as string[]].sort(), first.sort());
    assert.equal(ran.envelope?.data?.["openAfter"], 0);
    assert.equal(readLatch(join(data, "latches")).set, true);
    const again = await rest(0.03, 50);
    const env = { ...apiEnv, POLY_ADDRESS: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266" };
    const all = await cli(["cancel-all", "--json"], { env });
    assert.equal(all.code, 0, all.out + all.err);
    assert.deepEqual(all.envelope?.data?.["canceled"], [again]);
    assert.equal(all.envelope?.data?.["login"], "environment");
    assert.equal((await entry.openOrders()).rows.length, 0);
    const none = await cli(["cancel-all"], { env });
    assert.equal(none.code, 0);
    assert.match(none.out, /still open\s+0/);
  });
});

Deno.test("cancel-all --asset leaves the orders of other assets; it works in cancel-only mode", async () => {
  await withAccountDesk({}, async ({ cli, control, entry, rest }) => {
    await rest(0.02, 50);
    await control({ action: "mode", mode: "cancel-only" });
    const other = await cli(["cancel-all", "--asset", "eth", "--json"]);
    assert.equal(other.code, 0, other.out + other.err);
    assert.deepEqual(other.envelope?.data?.["canceled"], []);
    assert.equal((await entry.openOrders()).rows.length, 1);
    const own = await cli(["cancel-all", "--asset", "btc", "--json"]);
    assert.deepEqual([own.code, own.envelope?.data?.["openAfter"]], [0, 0]);
    assert.equal((await entry.openOrders()).rows.length, 0);
  });
});

Deno.test("cancel-all and kill that are stopped before their proof end with exit 5 and say so", async () => {
  await withAccountDesk({}, async ({ cli, control, rest }) => {
    await rest(0.02, 50);
    await control({ action: "fault", spec: "rest-500@rest:clob,match=/data/orders" });
    for (const name of ["cancel-all", "kill"]) {
      const ran = await cli([name, "--json"], { signal: AbortSignal.timeout(1_000) });
      assert.deepEqual([ran.code, ran.envelope?.data?.["openAfter"]], [5, null], ran.out);
      assert.ok(ran.envelope?.warnings?.some(({ code }) => code === "ORDERS_LEFT"), ran.out);
    }
  });
});

Deno.test("an account is told apart from a mistake: part of the credentials, no address, another key's address", async () => {
  await withAccountDesk({}, async ({ apiEnv, cli, env }) => {
    const { POLY_API_SECRET: _, ...part } = apiEnv as Record<string, string>;
    const rows: [Record<string, string>, string, number][] = [
      [part, "SECRET_MISSING", 2],
      [apiEnv as Record<string, string>, "ACCOUNT_UNKNOWN", 2],
      [{ ...apiEnv, POLY_ADDRESS: "0x12" }, "WALLET_INVALID", 2],
      [{ ...env, POLY_ADDRESS: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" }, "ACCOUNT_MISMATCH", 2],
      [{ ...apiEnv, POLY_ADDRESS: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" }, "AUTH_REFUSED", 4],
    ];
    for (const [given, code, exit] of rows) {
      const ran = await cli(["cancel-all", "--json"], { env: given });
      assert.deepEqual([ran.envelope?.error?.code, ran.code], [code, exit], ran.out);
    }
  });
});
