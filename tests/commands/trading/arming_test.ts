import assert from "node:assert/strict";
import type { OpenAccount } from "../../../commands/account.ts";
import type { Register } from "../../../commands/registry.ts";
import { attach } from "../../../commands/run.ts";
import { arm, type ArmingFacts, checkArming } from "../../../commands/trading/arming.ts";
import {
  type DoctorRecord,
  hostOf,
  readRecord,
  recordPath,
  writeRecord,
} from "../../../commands/trading/doctor_record.ts";
import { loadConfig } from "../../../commands/config/load.ts";
import type { Terminal } from "../../../feeds/keys/prompt.ts";
import { poly, type Ran } from "../../cli/harness.ts";

const NOW = 1_795_000_000_000;
const WALLET = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const CLOB = "http://127.0.0.1:8787/clob";
const HOUR = 3_600_000;

const record = (more: Partial<DoctorRecord> = {}): DoctorRecord => ({
  format: "poly-edge/doctor/1",
  wallet: WALLET,
  host: hostOf(CLOB),
  atMs: NOW - HOUR,
  ok: true,
  failed: [],
  rules: null,
  ...more,
});

const CHOSEN = {
  "live": "true",
  "risk.maxPositionPerMarketUsdc": "20",
  "risk.maxTotalExposureUsdc": "50",
  "sizing.usdc": "5",
};

/** Facts of a run that is armed, with some settings replaced (null: left at the default). */
function facts(
  settings: Record<string, string | null> = {},
  more: Partial<ArmingFacts> = {},
  flagged = false,
): ArmingFacts {
  const merged = Object.entries({ ...CHOSEN, ...settings }).filter(([, text]) => text !== null);
  const { config, origins } = loadConfig({
    file: new URL("../../cli/empty.toml", import.meta.url).pathname,
    flags: merged.filter(([path]) => path !== "live" || flagged)
      .map(([path, text]) => ({ path, text: text as string, flag: "--set" })),
    env: (name) =>
      name === "POLY_EDGE_LIVE" && !flagged
        ? merged.find(([path]) => path === "live")?.[1] ?? undefined
        : undefined,
  });
  return {
    config,
    origins,
    latch: { set: false, mark: null },
    record: record(),
    nowMs: NOW,
    confirmed: true,
    ...more,
  };
}

const codes = (given: ArmingFacts) => checkArming(given).map(({ code }) => code);

Deno.test("armed when everything is there", () => {
  assert.deepEqual(checkArming(facts()), []);
});

Deno.test("every single thing that is missing is enough", () => {
  const mark = { code: "KILL", reason: "", who: "x", at: 1 };
  const rows: [ArmingFacts, string][] = [
    [facts({ live: null }), "LIVE_NOT_ENABLED"],
    [facts({ live: "false" }), "LIVE_NOT_ENABLED"],
    [facts({}, {}, true), "LIVE_NOT_ENABLED"],
    [facts({ "sizing.usdc": null }), "LIMIT_NOT_CHOSEN"],
    [facts({ "risk.maxTotalExposureUsdc": null }), "LIMIT_NOT_CHOSEN"],
    [facts({ "risk.maxPositionPerMarketUsdc": null }), "LIMIT_NOT_CHOSEN"],
    [facts({}, { record: null }), "DOCTOR_MISSING"],
    [facts({}, { record: record({ ok: false, failed: ["geoblock"] }) }), "DOCTOR_FAILED"],
    [facts({}, { record: record({ atMs: NOW - 24 * HOUR - 1 }) }), "DOCTOR_STALE"],
    [facts({}, { record: record({ atMs: NOW + HOUR }) }), "DOCTOR_STALE"],
    [facts({ "doctor.maxAgeMs": "60000" }), "DOCTOR_STALE"],
    [facts({}, { latch: { set: true, mark } }), "LATCH_SET"],
    [facts({}, { latch: { set: true, mark: null } }), "LATCH_SET"],
    [facts({}, { confirmed: false }), "NOT_CONFIRMED"],
  ];
  for (const [given, code] of rows) assert.deepEqual(codes(given), [code]);
  assert.deepEqual(codes(facts({}, { record: record({ atMs: NOW - 24 * HOUR }) })), [], "to the millisecond");
});

Deno.test("all that is missing is told at once", () => {
  const nothing = {
    live: null,
    "risk.maxPositionPerMarketUsdc": null,
    "risk.maxTotalExposureUsdc": null,
    "sizing.usdc": null,
  };
  const latch = { set: true, mark: null };
  assert.deepEqual(codes(facts(nothing, { record: null, latch, confirmed: false })), [
    "LIVE_NOT_ENABLED",
    "LIMIT_NOT_CHOSEN",
    "LIMIT_NOT_CHOSEN",
    "LIMIT_NOT_CHOSEN",
    "DOCTOR_MISSING",
    "LATCH_SET",
    "NOT_CONFIRMED",
  ]);
});

Deno.test("the limit that must be chosen is the one that the sizing mode uses", () => {
  const kelly = { "sizing.mode": "kelly", "sizing.usdc": null };
  assert.deepEqual(codes(facts(kelly)), ["LIMIT_NOT_CHOSEN"]);
  assert.deepEqual(codes(facts({ ...kelly, "sizing.kellyFraction": "0.1" })), []);
});

Deno.test("a default that was written down is a choice", () => {
  assert.deepEqual(codes(facts({ "risk.maxTotalExposureUsdc": "2000" })), []);
});

Deno.test("a record counts for its own wallet and venue only; a torn one not at all", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { format: _, ...pass } = record();
    writeRecord(folder, CLOB, pass);
    assert.deepEqual(readRecord(folder, WALLET.toUpperCase().replace("0X", "0x"), CLOB), record());
    const other = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
    await Deno.copyFile(recordPath(folder, WALLET, CLOB), recordPath(folder, other, CLOB));
    assert.equal(readRecord(folder, other, CLOB), null);
    assert.equal(readRecord(folder, WALLET, "https://clob.polymarket.com"), null);
    await Deno.writeTextFile(recordPath(folder, WALLET, CLOB), '{"format":"poly-edge/doctor/1"');
    assert.equal(readRecord(folder, WALLET, CLOB), null);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The arming of a command that was begun at `NOW` and whose word is typed `typingMs` later. */
async function armedAfter(typingMs: number): Promise<Ran> {
  const data = await Deno.makeTempDir();
  const config = await Deno.makeTempFile({ suffix: ".toml" });
  try {
    const { format: _, ...pass } = record({ atMs: NOW - 23 * HOUR });
    writeRecord(data, CLOB, pass);
    await Deno.writeTextFile(
      config,
      'live = true\n[risk]\nmaxPositionPerMarketUsdc = "20"\nmaxTotalExposureUsdc = "50"\n[sizing]\nusdc = "5"\n',
    );
    let at = NOW;
    const terminal: Terminal = {
      isTerminal: true,
      setRaw: () => {},
      write: () => {},
      read() {
        at += typingMs;
        return Promise.resolve(new TextEncoder().encode("live\n"));
      },
    };
    const account = { account: { funder: WALLET }, venue: { profile: { name: "sim", clob: CLOB } } };
    const register: Register = (program) =>
      attach(program.command("probe"), "probe", async (ctx) => {
        await arm(ctx, account as unknown as OpenAccount, false, () => at);
        return { data: { armed: true } };
      });
    return await poly(["probe", "--data", data, "--config", config, "--json"], {
      terminal,
      commands: [register],
    });
  } finally {
    await Deno.remove(data, { recursive: true });
    await Deno.remove(config);
  }
}

Deno.test("the pass of doctor is judged when the word is typed, not when the command began", async () => {
  assert.equal((await armedAfter(HOUR)).code, 0, "23 hours old and one more");
  const late = await armedAfter(HOUR + 1);
  const [missing] = late.envelope?.error?.details["missing"] as { code: string }[];
  assert.deepEqual([late.code, missing?.code], [3, "DOCTOR_STALE"]);
});
