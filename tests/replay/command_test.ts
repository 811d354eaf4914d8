/** The program: sessions on real sockets and on tapes, replayed; a recording that is killed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { poly, ROOT } from "../cli/harness.ts";
import { syntheticQuotes } from "../commands/synthetic_recording.ts";
import { withFolder, writeFolder } from "../feeds/tape/recordings.ts";

const posix = Deno.build.os !== "windows";
const START = Date.UTC(2026, 10, 21, 9, 34, 30);
const VENUE = { seed: 7, startMs: START, durations: ["5m"], historyHours: 2 } as const;
/** At fifty times the speed a millisecond of this machine is fifty of the venue's. */
const PATIENT = ["--set", "risk.maxSignalAgeMs=5000", "--set", "risk.maxBookAgeMs=20000"];

Deno.test("a paper session on live sockets replays byte for byte", async () => {
  const venue = await startVenue({ ...VENUE, speed: 50, assets: ["btc", "eth"] });
  try {
    await withFolder(async (root) => {
      const data = join(root, "data");
      const traded = await poly([
        ...["trade", "--paper", "--venue", `sim:${venue.port}`, "--strategy", "random", "--windows", "1"],
        ...["--asset", "btc,eth", "--json", "--data", data, "--log-level", "off", ...PATIENT],
      ]);
      assert.equal(traded.code, 0, traded.err);
      const session = String(traded.envelope?.data?.["session"]);
      const ran = await poly(["replay", session, "--verify", "--json", "--data", data]);
      assert.equal(ran.code, 0, JSON.stringify(ran.envelope?.error));
      const replayed = ran.envelope?.data ?? {};
      for (const key of ["decisionsHash", "decisions", "wishes"]) {
        assert.equal(replayed[key], traded.envelope?.data?.[key], key);
      }
      assert.deepEqual([replayed["firstDifference"], replayed["verified"]], [null, true]);
      assert.deepEqual(ran.envelope?.warnings, []);
      assert.ok(Number(replayed["events"]) > 1000 && Number(replayed["intents"]) > 0);
      assert.equal(await Deno.stat(join(data, "sessions", session)).then((found) => found.isDirectory), true);
    });
  } finally {
    await venue.close();
  }
});

Deno.test("a tape replays as it trades, and its session replays too", async () => {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(2));
    const made = await poly(["tape", "import", join(root, "quotes"), "--out", join(root, "tapes"), "--json"]);
    assert.equal(made.code, 0, made.err);
    const tape = join(root, "tapes", "quotes");
    const data = join(root, "data");
    for (const strategy of ["mean-revert", "random"]) {
      const traded = await poly([
        ...["trade", "--paper", "--tape", tape, "--strategy", strategy, "--json", "--data", data],
      ]);
      assert.equal(traded.code, 0, traded.err);
      const ofTape = await poly(["replay", tape, "--strategy", strategy, "--verify", "--json"]);
      assert.equal(ofTape.code, 0, JSON.stringify(ofTape.envelope?.error));
      const folder = join(data, "sessions", String(traded.envelope?.data?.["session"]));
      const ofSession = await poly(["replay", folder, "--verify", "--json"]);
      assert.equal(ofSession.code, 0, JSON.stringify(ofSession.envelope?.error));
      for (const ran of [ofTape, ofSession]) {
        for (const key of ["decisionsHash", "decisions", "wishes"]) {
          assert.equal(ran.envelope?.data?.[key], traded.envelope?.data?.[key], key);
        }
        assert.equal(ran.envelope?.data?.["firstDifference"], null);
        assert.match(String(ran.envelope?.data?.["basis"]), /event/);
      }
    }
  });
});

async function onlySession(data: string): Promise<string | null> {
  try {
    for await (const entry of Deno.readDir(join(data, "sessions"))) return join(data, "sessions", entry.name);
  } catch {
    // Not there yet.
  }
  return null;
}

Deno.test({
  name:
    "kill -9 while it records costs a flush at most: what is there is proven, equal, and said to be unfinished",
  ignore: !posix,
  async fn() {
    const venue = await startVenue({ ...VENUE, speed: 20, assets: ["btc"] });
    try {
      await withFolder(async (root) => {
        const data = join(root, "data");
        const child = new Deno.Command(Deno.execPath(), {
          args: [
            ...["run", "-A", "--no-prompt", "--no-check", `${ROOT}main.ts`],
            ...["trade", "--paper", "--venue", `sim:${venue.port}`, "--strategy", "random", "--asset", "btc"],
            ...["--data", data, "--log-level", "off", "--json", ...PATIENT],
          ],
          cwd: ROOT,
          env: { NO_COLOR: "1", POLY_EDGE_CONFIG: `${ROOT}tests/cli/empty.toml` },
          stdin: "null",
          stdout: "null",
          stderr: "null",
        }).spawn();
        const deadline = Date.now() + 30_000;
        // Killed once a few blocks are on disk, in the middle of everything.
        for (let bytes = 0; bytes < 60_000;) {
          assert.ok(Date.now() < deadline, `the session records: ${bytes} bytes`);
          await new Promise((resolve) => setTimeout(resolve, 20));
          const folder = await onlySession(data);
          if (folder === null) continue;
          bytes = await Deno.stat(join(folder, "events.jsonl.gz")).then((found) => found.size, () => 0);
        }
        child.kill("SIGKILL");
        await child.status;
        const folder = (await onlySession(data))!;
        const ran = await poly(["replay", folder, "--verify", "--json"]);
        assert.equal(ran.code, 0, JSON.stringify(ran.envelope?.error));
        assert.equal(ran.envelope?.data?.["state"], "open");
        assert.equal(ran.envelope?.data?.["firstDifference"], null);
        assert.ok(Number(ran.envelope?.data?.["events"]) > 200);
        const codes = (ran.envelope?.warnings ?? []).map((warning) => warning.code);
        assert.ok(codes.includes("SESSION_UNFINISHED"), codes.join());
        assert.ok(codes.every((code) => code === "SESSION_UNFINISHED" || code === "FILE_TORN"), codes.join());
      });
    } finally {
      await venue.close();
    }
  },
});
