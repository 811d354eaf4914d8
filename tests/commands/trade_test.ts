import assert from "node:assert/strict";
import { join } from "node:path";
import { poly } from "../cli/harness.ts";
import { withFolder, writeFolder } from "../feeds/tape/recordings.ts";
import { syntheticQuotes } from "./synthetic_recording.ts";

async function withTape(use: (tape: string, root: string) => Promise<void>): Promise<void> {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(2));
    const made = await poly(["tape", "import", join(root, "quotes"), "--out", join(root, "tapes"), "--json"]);
    assert.equal(made.code, 0, made.err);
    await use(join(root, "tapes", "quotes"), root);
  });
}

const paper = (tape: string, root: string, ...more: string[]) =>
  poly(["trade", "--paper", "--tape", tape, "--json", "--data", join(root, "data"), ...more]);

const hash = (ran: Awaited<ReturnType<typeof paper>>) => ran.envelope?.data?.["decisionsHash"];

Deno.test("trade on a tape twice gives the same decisionsHash, another strategy another", async () => {
  await withTape(async (tape, root) => {
    const runs = [
      await paper(tape, root, "--strategy", "mean-revert"),
      await paper(tape, root, "--strategy", "mean-revert"),
      await paper(tape, root, "--strategy", "random"),
    ];
    for (const ran of runs) assert.equal(ran.code, 0, ran.err);
    assert.match(String(hash(runs[0]!)), /^[0-9a-f]{64}$/);
    assert.equal(hash(runs[0]!), hash(runs[1]!));
    assert.notEqual(hash(runs[0]!), hash(runs[2]!));
  });
});

Deno.test("a session leaves its decisions, its summary and its report; the last hash is the session's", async () => {
  await withTape(async (tape, root) => {
    const copy = join(root, "copy.html");
    const ran = await paper(tape, root, "--strategy", "mean-revert", "--report", copy);
    const data = ran.envelope?.data ?? {};
    const folder = join(root, "data", "sessions", String(data["session"]));
    const lines = (await Deno.readTextFile(join(folder, "decisions.jsonl"))).trimEnd().split("\n");
    assert.equal(lines.length, data["wishes"]);
    assert.equal((JSON.parse(lines.at(-1)!) as { hash: string }).hash, data["decisionsHash"]);
    const summary = JSON.parse(await Deno.readTextFile(join(folder, "session.json"))) as Record<
      string,
      unknown
    >;
    assert.equal(summary["decisionsHash"], data["decisionsHash"]);
    assert.deepEqual(summary["result"], data);
    assert.equal(await Deno.readTextFile(join(folder, "report.html")), await Deno.readTextFile(copy));
  });
});

Deno.test("the windows' results add up to the session's, to the millionth", async () => {
  await withTape(async (tape, root) => {
    const data = (await paper(tape, root, "--strategy", "mean-revert")).envelope?.data ?? {};
    const windows = data["windows"] as { pnl: string; fees: string; outcome: string; settled: boolean }[];
    const micro = (text: string) => Math.round(Number(text) * 1e6);
    const sum = (key: "pnl" | "fees") => windows.reduce((total, window) => total + micro(window[key]), 0);
    const pnl = data["pnl"] as { final: string; provisional: string };
    assert.equal(windows.length, 2);
    assert.ok(windows.every((window) => window.settled));
    assert.equal(sum("pnl"), micro(pnl.final));
    assert.equal(pnl.final, pnl.provisional);
    assert.equal(sum("fees"), micro(String(data["fees"])));
    assert.ok(Number(data["fills"]) > 0);
  });
});

Deno.test("limits reach the gate from the command line, and what was not sent is counted by reason", async () => {
  await withTape(async (tape, root) => {
    const reasons = async (...more: string[]) =>
      (await paper(tape, root, "--strategy", "mean-revert", ...more)).envelope?.data?.["notSent"] as Record<
        string,
        number
      >;
    assert.ok((await reasons("--set", "risk.maxPositionPerMarketUsdc=5"))["POSITION_LIMIT"]! > 0);
    assert.ok((await reasons("--set", "risk.maxTotalExposureUsdc=5"))["EXPOSURE_LIMIT"]! > 0);
    assert.ok((await reasons("--set", "risk.maxTradeFraction=0.01"))["TRADE_FRACTION_LIMIT"]! > 0);
    assert.ok((await reasons("--set", "risk.blackoutBeforeEndMs=800000"))["WINDOW_BLACKOUT"]! > 0);
    assert.ok((await reasons("--size", "1"))["SIZE_BELOW_MINIMUM"]! > 0);
    assert.ok((await reasons("--set", "risk.minNotionalUsdc=100"))["NOTIONAL_BELOW_MINIMUM"]! > 0);
  });
});

Deno.test("trade says what is wrong with its options before it touches anything", async () => {
  await withFolder(async (root) => {
    const failing = async (...argv: string[]) => {
      const ran = await poly(["trade", ...argv, "--json", "--data", join(root, "data")]);
      return [ran.code, ran.envelope?.error?.code];
    };
    assert.deepEqual(await failing(), [2, "USAGE"]);
    assert.deepEqual(await failing("--paper", "--tape", "x", "--windows", "2"), [2, "USAGE"]);
    assert.deepEqual(await failing("--paper", "--strategy", "martingale", "--tape", "x"), [
      2,
      "STRATEGY_UNKNOWN",
    ]);
    assert.deepEqual(await failing("--paper", "--size", "lots"), [2, "CONFIG_INVALID"]);
    assert.deepEqual(await failing("--paper", "--tape", join(root, "nowhere")), [1, "FILE_NOT_FOUND"]);
    assert.deepEqual(await failing("--paper", "--venue", "sim:1"), [1, "VENUE_UNREACHABLE"]);
    await assert.rejects(Deno.stat(join(root, "data", "sessions")), Deno.errors.NotFound);
  });
});

Deno.test("a data folder that cannot be written stops the session with one error", async () => {
  await withTape(async (tape, root) => {
    const file = join(root, "a-file");
    await Deno.writeTextFile(file, "not a folder");
    const ran = await poly(["trade", "--paper", "--tape", tape, "--json", "--data", file]);
    assert.deepEqual([ran.code, ran.envelope?.error?.code], [1, "SESSION_WRITE_FAILED"]);
  });
});

Deno.test("--asset and --duration narrow a tape; a tape without such windows is said and exits 5", async () => {
  await withTape(async (tape, root) => {
    const same = await paper(tape, root, "--strategy", "mean-revert", "--asset", "btc", "--duration", "15m");
    assert.equal(hash(same), hash(await paper(tape, root, "--strategy", "mean-revert")));
    const none = await paper(tape, root, "--asset", "eth");
    assert.equal(none.code, 5);
    assert.ok(none.envelope?.warnings?.some((warning) => warning.code === "NO_WINDOWS"));
    assert.equal(none.envelope?.data?.["unknownTokens"], 0);
  });
});
