import assert from "node:assert/strict";
import { join } from "node:path";
import { readRecord, readRules, rulesPath } from "../../commands/trading/doctor_record.ts";
import { setLatch } from "../../feeds/journal/latch.ts";
import { poly, type Ran } from "../cli/harness.ts";
import type { Loose } from "../fixtures/venue_client.ts";
import { type AccountDesk, withAccountDesk } from "./account_desk.ts";

const WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

interface Row {
  readonly name: string;
  readonly status: string;
  readonly code: string | null;
  readonly detail: string;
  readonly fix: string | null;
}

const rowsOf = (ran: Ran): Map<string, Row> =>
  new Map(((ran.envelope?.data as Loose)?.checks as Row[]).map((row) => [row.name, row]));

/** Venue time runs while doctor listens to the feeds. */
const doctor = (desk: AccountDesk, argv: string[] = [], env?: Record<string, string>) =>
  desk.run(desk.cli(["doctor", "--wait", "2s", ...argv, "--json"], env === undefined ? {} : { env }));

const NAMES = [
  "config",
  "disk",
  "account",
  "wallet",
  "api-key",
  "standing",
  "place",
  "collateral",
  "allowances",
  "gas",
  "clock",
  "windows",
  "venue-rules",
  "feeds",
  "journal",
  "latch",
];

Deno.test("a healthy account passes every check, and the pass is kept for its wallet and venue", async () => {
  await withAccountDesk({}, async (desk) => {
    const ran = await doctor(desk);
    const rows = rowsOf(ran);
    assert.deepEqual([...rows.keys()], NAMES);
    const failed = [...rows.values()].filter(({ status }) => status === "fail");
    assert.deepEqual(failed, []);
    assert.equal(ran.code, 0);
    assert.equal(rows.get("wallet")?.status, "warn", "a plain key wants to be on the venue's list");
    assert.equal(rows.get("config")?.status, "warn", "nothing is configured");
    assert.match(rows.get("allowances")?.detail ?? "", /Exchange V2/);
    const clob = `${desk.http}/clob`;
    const record = readRecord(desk.data, WALLET, clob);
    assert.deepEqual([record?.ok, record?.failed, record?.rules?.length], [true, [], 64]);
    assert.ok(readRules(desk.data, clob)?.rules["btc-5m.fee"]?.startsWith("rate 0.07"));
    const text = await desk.run(desk.cli(["doctor"]));
    assert.match(text.out, /This machine can trade for 0xf39F/);
    assert.match(text.out, /^ok {4}latch {8}clear/m);
  });
});

Deno.test("the venue's refusals are exit 4: closed-only, a blocked place, credentials of nobody", async () => {
  await withAccountDesk({}, async (desk) => {
    await desk.control({ action: "account", account: 0, closedOnly: true });
    const closed = await doctor(desk);
    assert.deepEqual([closed.code, rowsOf(closed).get("standing")?.code], [4, "CLOSED_ONLY"]);
    assert.deepEqual(readRecord(desk.data, WALLET, `${desk.http}/clob`)?.failed, ["standing"]);
    await desk.control({ action: "account", account: 0, closedOnly: false });
    const env = {
      ...desk.env,
      POLY_API_KEY: "00000000-0000-0000-0000-000000000000",
      POLY_API_SECRET: "c2VjcmV0c2VjcmV0c2VjcmV0",
      POLY_API_PASSPHRASE: "0123456789abcdef",
    };
    const login = rowsOf(await doctor(desk, [], env)).get("api-key");
    assert.deepEqual([login?.status, login?.code], ["fail", "AUTH_REFUSED"]);
    await desk.control({ action: "geoblock", on: true });
    const blocked = await doctor(desk);
    assert.deepEqual([blocked.code, rowsOf(blocked).get("place")?.code], [4, "GEO_BLOCKED"]);
  });
});

Deno.test("money in another wallet of the key is found and named; without money or approvals no pass", async () => {
  await withAccountDesk({}, async (desk) => {
    const env = { ...desk.env, POLY_SIGNATURE_TYPE: "3" };
    const ran = await doctor(desk, [], env);
    const wallet = rowsOf(ran).get("wallet");
    assert.deepEqual([wallet?.status, wallet?.code], ["fail", "FUNDS_ELSEWHERE"]);
    assert.equal(wallet?.fix, `Set POLY_FUNDER=${WALLET} and POLY_SIGNATURE_TYPE=0.`);
    assert.equal(rowsOf(ran).get("collateral")?.code, "BALANCE_INSUFFICIENT");
    assert.equal(rowsOf(ran).get("gas")?.status, "skip");
    assert.equal(ran.code, 3);
    const owner = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc";
    const key = "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba";
    await desk.post("/sim/accounts", { owner, signatureType: 3, pusd: "100", approved: false });
    const fresh = rowsOf(await doctor(desk, [], { POLY_PRIVATE_KEY: key }));
    assert.equal(fresh.get("wallet")?.status, "ok");
    assert.deepEqual([fresh.get("allowances")?.code, fresh.get("collateral")?.status], [
      "ALLOWANCE_MISSING",
      "ok",
    ]);
  });
});

Deno.test("a rule that changed stops live trading until a person accepts it", async () => {
  await withAccountDesk({}, async (desk) => {
    assert.equal((await doctor(desk)).code, 0);
    const path = rulesPath(desk.data, `${desk.http}/clob`);
    const kept = JSON.parse(await Deno.readTextFile(path));
    kept.rules["btc-5m.fee"] = "rate 0.02, exponent 1, takers only";
    await Deno.writeTextFile(path, JSON.stringify(kept));
    const drifted = await doctor(desk);
    const row = rowsOf(drifted).get("venue-rules");
    assert.deepEqual([drifted.code, row?.code], [3, "VENUE_DRIFT"]);
    assert.match(row?.detail ?? "", /btc-5m\.fee was "rate 0\.02.*is "rate 0\.07/);
    assert.equal(readRecord(desk.data, WALLET, `${desk.http}/clob`)?.ok, false);
    assert.equal((await doctor(desk)).code, 3, "looking again does not accept it");
    assert.equal((await doctor(desk, ["--accept-drift"])).code, 0);
    assert.equal((await doctor(desk)).code, 0);
  });
});

Deno.test("a set latch and a damaged journal are failures with their fix; a key that is not here is no pass", async () => {
  await withAccountDesk({}, async (desk) => {
    const mark = { code: "KILL", reason: "news", who: "me", at: 1 };
    await setLatch(join(desk.data, "latches"), mark);
    await Deno.mkdir(join(desk.data, "journal"));
    await Deno.writeTextFile(join(desk.data, "journal", `${WALLET.toLowerCase()}.sqlite`), "not a database");
    const ran = await doctor(desk, [], { ...desk.apiEnv, POLY_ADDRESS: WALLET });
    const rows = rowsOf(ran);
    assert.equal(ran.code, 3);
    assert.deepEqual(
      ["latch", "journal", "account"].map((name) => rows.get(name)?.status),
      ["fail", "fail", "fail"],
    );
    assert.match(rows.get("latch")?.detail ?? "", /news/);
    assert.equal(rows.get("account")?.code, "KEY_MISSING");
    assert.equal(rows.get("api-key")?.status, "ok");
  });
});

Deno.test("feeds that say nothing are named; those that trading can do without are no failure", async () => {
  await withAccountDesk({}, async (desk) => {
    await desk.control({ action: "fault", spec: "refuse-503@deribit,for=1h" });
    const ran = await doctor(desk);
    const feeds = rowsOf(ran).get("feeds");
    assert.equal(feeds?.status, "warn", JSON.stringify(feeds));
    assert.match(feeds?.detail ?? "", /silent: deribit/);
    assert.equal(ran.code, 0);
  });
});

Deno.test("without a venue the machine is examined all the same; nothing is kept, the exit says no", async () => {
  const data = await Deno.makeTempDir();
  try {
    const ran = await poly(["doctor", "--fix", "--venue", "sim:1", "--data", data, "--json"]);
    assert.equal(ran.code, 3);
    assert.deepEqual([...rowsOf(ran).keys()], ["config", "disk", "venue", "latch"]);
    assert.equal(rowsOf(ran).get("venue")?.code, "VENUE_UNREACHABLE");
    assert.equal((ran.envelope?.data as Loose).record, null);
    for (const name of ["keys", "journal", "latches"]) assert.ok(Deno.statSync(join(data, name)).isDirectory);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});
