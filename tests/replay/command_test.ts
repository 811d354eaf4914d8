/** The program: sessions on real sockets and on tapes, replayed; a recording that is killed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { openSession } from "../../feeds/session/reader.ts";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { poly, ROOT } from "../cli/harness.ts";
import { syntheticQuotes } from "../commands/synthetic_recording.ts";
import { withFolder, writeFolder } from "../feeds/tape/recordings.ts";
import { TEST_KEYS } from "../venue/official.ts";

const posix = Deno.build.os !== "windows";
const START = Date.UTC(2026, 10, 21, 9, 34, 30);
const VENUE = { seed: 7, startMs: START, durations: ["5m"], historyHours: 2 } as const;
/** At twenty times the speed a millisecond of this machine is twenty of the venue's, and the machine may be busy. */
const PATIENT = ["--set", "risk.maxSignalAgeMs=30000", "--set", "risk.maxBookAgeMs=60000"];

Deno.test("a paper session on live sockets replays byte for byte", async () => {
  const venue = await startVenue({ ...VENUE, speed: 20, assets: ["btc", "eth"] });
  try {
    await withFolder(async (root) => {
      const data = join(root, "data");
      const traded = await poly([
        ...["trade", "--paper", "--venue", `sim:${venue.port}`, "--strategy", "random", "--for", "150s"],
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

Deno.test("a live session with orders at the venue replays byte for byte, its account and its fills' stages included", async () => {
  const venue = await startVenue({ ...VENUE, speed: 15, assets: ["btc"] });
  try {
    await withFolder(async (root) => {
      const data = join(root, "data");
      const config = join(root, "live.toml");
      await Deno.writeTextFile(
        config,
        `live = true
[sizing]
usdc = "25"
[risk]
maxPositionPerMarketUsdc = "500"
maxTotalExposureUsdc = "2000"
maxSignalAgeMs = 30000
maxBookAgeMs = 60000
`,
      );
      const env = { POLY_PRIVATE_KEY: TEST_KEYS[0], POLY_SIGNATURE_TYPE: "0" };
      const common = ["--data", data, "--config", config, "--log-level", "off", "--json"];
      const at = ["--venue", `sim:${venue.port}`, ...common];
      const doctor = await poly(["doctor", ...at], { env });
      assert.equal(doctor.code, 0, JSON.stringify(doctor.envelope));
      const traded = await poly(
        ["trade", "--live", "--yes", "--strategy", "random", "--asset", "btc", "--for", "200s", ...at],
        { env },
      );
      // 3: a limit of the engine ended it early, which is a session like any other.
      assert.ok([0, 3, 5].includes(traded.code), traded.out + traded.err);
      const session = String(traded.envelope?.data?.["session"]);
      const ran = await poly(["replay", session, "--verify", ...common]);
      assert.equal(ran.code, 0, JSON.stringify(ran.envelope?.error));
      const replayed = ran.envelope?.data ?? {};
      assert.deepEqual([replayed["mode"], replayed["state"], replayed["verified"]], ["live", "closed", true]);
      assert.equal(replayed["decisionsHash"], traded.envelope?.data?.["decisionsHash"]);
      assert.ok(Number(replayed["intents"]) > 0);
      const types = new Set<string>();
      const recording = await openSession(join(data, "sessions", session));
      for await (const batch of recording.steps()) for (const { event } of batch) types.add(event.type);
      for (const type of ["account", "orderAccepted", "fill", "fillStage"]) assert.ok(types.has(type), type);
      for await (const entry of Deno.readDir(join(data, "sessions", session))) {
        const bytes = await Deno.readFile(join(data, "sessions", session, entry.name));
        const text = new TextDecoder().decode(entry.name.endsWith(".gz") ? gunzipSync(bytes) : bytes);
        assert.ok(!text.includes(TEST_KEYS[0].slice(2)), `${entry.name} holds the key`);
      }
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
