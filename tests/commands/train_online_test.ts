/** `trade --paper --train`: learning beside a session that must not notice it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { MarketEvent } from "../../core/events.ts";
import type { Warning } from "../../commands/command.ts";
import { defaultConfig } from "../../commands/config/schema.ts";
import {
  ONLINE_LIMITS,
  type OnlineLimits,
  OnlineTraining,
  planOnline,
} from "../../commands/training/online.ts";
import { engineOptions } from "../../commands/trading/settings.ts";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { poly } from "../cli/harness.ts";
import { withFolder } from "../feeds/tape/recordings.ts";

const START = Date.UTC(2026, 10, 21, 9, 34, 30);
/** At this speed one millisecond of this machine is fifty of the venue's. */
const PATIENT = ["--set", "risk.maxSignalAgeMs=30000", "--set", "risk.maxBookAgeMs=60000"];

async function withVenue(use: (paper: Paper, root: string) => Promise<void>): Promise<void> {
  const venue = await startVenue({
    ...{ seed: 7, speed: 50, startMs: START, assets: ["btc"], durations: ["5m"], historyHours: 2 },
  });
  try {
    await withFolder((root) =>
      use((...more) =>
        poly([
          ...["trade", "--paper", "--venue", `sim:${venue.port}`, "--strategy", "random", "--json"],
          ...["--data", join(root, "data"), "--log-level", "off", ...PATIENT, ...more],
        ]), root)
    );
  } finally {
    await venue.close();
  }
}
type Paper = (...more: string[]) => ReturnType<typeof poly>;

interface Training {
  readonly updates: number;
  readonly steps: number;
  readonly model: string;
  readonly collapse: string | null;
}
const trainingOf = (ran: Awaited<ReturnType<Paper>>) => ran.envelope?.data?.["training"] as Training;
const codes = (ran: Awaited<ReturnType<Paper>>) => ran.envelope?.warnings?.map(({ code }) => code) ?? [];
const metricsOf = async (folder: string) =>
  (await Deno.readTextFile(join(folder, "metrics.csv"))).trimEnd().split("\n");

Deno.test("a session learns beside its decisions: a model that opens, a line an update, decisions that replay without it", async () => {
  await withVenue(async (paper, root) => {
    const folder = join(root, "learned");
    const first = await paper("--train", folder, "--for", "480s");
    assert.equal(first.code, 0, first.err);
    const training = trainingOf(first);
    assert.ok(!codes(first).includes("TRAINING_STOPPED"), JSON.stringify(first.envelope?.warnings));
    assert.ok(training.updates >= 1 && training.steps === training.updates * 2048, JSON.stringify(training));
    const lines = await metricsOf(folder);
    assert.ok(lines[0]!.startsWith("update,steps,") && lines.length === training.updates + 1);
    const shown = await poly(["models", "verify", training.model, "--json"]);
    assert.equal(shown.code, 0, shown.err);

    // The record of the session, played without any training: the same decisions.
    const data = join(root, "data");
    const session = String(first.envelope?.data?.["session"]);
    const replayed = await poly(["replay", session, "--verify", "--json", "--data", data]);
    assert.equal(replayed.code, 0, JSON.stringify(replayed.envelope?.error));
    assert.equal(replayed.envelope?.data?.["decisionsHash"], first.envelope?.data?.["decisionsHash"]);
    assert.ok(Number(first.envelope?.data?.["wishes"]) > 0);

    // The next session decides by nothing of it unless told to, and goes on learning where this one ended.
    const second = await paper("--train", folder, "--for", "400s");
    assert.equal(second.code, 0, second.err);
    assert.ok(trainingOf(second).updates > training.updates, JSON.stringify(trainingOf(second)));
    const more = await metricsOf(folder);
    assert.deepEqual(more.slice(0, lines.length), lines);
    assert.equal(more.length, trainingOf(second).updates + 1);
    const resumed = await poly(["train", "--out", folder, "--resume", "--json"]);
    assert.deepEqual([resumed.code, resumed.envelope?.error?.code], [2, "CHECKPOINT_OTHER_TAPES"]);
  });
});

Deno.test("a training that cannot write is one warning; the session goes on to its end", async () => {
  await withVenue(async (paper, root) => {
    const folder = join(root, "learned");
    await Deno.mkdir(join(folder, "metrics.csv"), { recursive: true });
    const ran = await paper("--train", folder, "--for", "100s");
    assert.equal(ran.code, 0, ran.err);
    assert.equal(codes(ran).filter((code) => code === "TRAINING_STOPPED").length, 1);
    assert.equal(trainingOf(ran).updates, 0);
    assert.ok(Number(ran.envelope?.data?.["decisions"]) > 0);
  });
});

const CLOCK = { type: "clock", tExchange: START, tReceive: START } as MarketEvent;

/** A training whose thread runs `code`; resolves with its warnings once it was told of `CLOCK`, warned and was closed. */
async function withThread(
  code: string,
  limits: Partial<OnlineLimits>,
  awaitWarning: boolean,
): Promise<Warning[]> {
  const warnings: Warning[] = [];
  await withFolder(async (root) => {
    const config = defaultConfig();
    const engine = engineOptions(config, { strategy: "hold", seed: 1, stops: true });
    const plan = await planOnline({ folder: join(root, "learned"), from: null }, { config, engine, seed: 1 });
    assert.equal(plan.settings.decideEveryMs, engine.policy.decideEveryMs);
    const script = join(root, "thread.ts");
    await Deno.writeTextFile(script, code);
    const warned = Promise.withResolvers<void>();
    const training = new OnlineTraining(plan, (warning) => {
      warnings.push(warning);
      warned.resolve();
    }, { ...ONLINE_LIMITS, ...limits, script: new URL(pathToFileURL(script).href) });
    training.seen([CLOCK]);
    if (awaitWarning) await warned.promise;
    training.seen([CLOCK]);
    assert.equal((await training.close())["updates"], 0);
  });
  return warnings;
}

Deno.test("a thread that dies, falls behind or does not end is one warning, and what comes after it is ignored", async () => {
  const idle = "self.onmessage = () => {};";
  const cases = [
    [`self.onmessage = () => { throw new Error("out of luck"); };`, {}, true, /out of luck/],
    [idle, { backlogBytes: 10 }, true, /behind the market/],
    [idle, { endWithinMs: 20 }, false, /did not end in time/],
  ] as const;
  for (const [code, limits, awaitWarning, message] of cases) {
    const warnings = await withThread(code, limits, awaitWarning);
    assert.deepEqual(warnings.map((warning) => warning.code), ["TRAINING_STOPPED"]);
    assert.match(warnings[0]!.message, message);
  }
});

Deno.test("a collapse is said once, and ends the training without another warning", async () => {
  const code = `self.onmessage = () => {
    self.postMessage({ kind: "collapsed", message: "entropy is gone" });
    self.postMessage({ kind: "done" });
  };`;
  const warnings = await withThread(code, {}, true);
  assert.deepEqual(warnings, [{ code: "TRAIN_COLLAPSED", message: "entropy is gone; trading goes on" }]);
});

Deno.test("an online training begins with the settings of another one, and leaves that one alone", async () => {
  await withFolder(async (root) => {
    const from = join(root, "offline");
    const made = await poly([
      ...[
        "train",
        "--steps",
        "256",
        "--rows",
        "4",
        "--hours",
        "0.5",
        "--judge-hours",
        "0.1",
        "--every",
        "2s",
      ],
      ...["--ppo", "samples=256", "--reward", "equity", "--workers", "1", "--out", from, "--json"],
    ]);
    assert.equal(made.code, 0, made.err);
    const config = defaultConfig();
    const engine = engineOptions(config, { strategy: "hold", seed: 1, stops: true });
    const session = { config, engine, seed: 1 };
    const plan = await planOnline({ folder: join(root, "learned"), from }, session);
    assert.deepEqual([plan.settings.rows, plan.settings.decideEveryMs], [4, 2000]);
    assert.deepEqual([plan.settings.reward, plan.settings.ppo.samples], ["equity", 256]);
    assert.deepEqual([plan.checkpoint?.snapshot.steps, plan.continued], [256, false]);
    await assert.rejects(planOnline({ folder: from, from: null }, session), { code: "TRAIN_FOLDER_USED" });
    const missing = planOnline({ folder: join(root, "a"), from: join(root, "b") }, session);
    await assert.rejects(missing, { code: "CHECKPOINT_MISSING" });
  });
});

Deno.test("--train is for paper on live events", async () => {
  const failing = async (...argv: string[]) => {
    const ran = await poly(["trade", ...argv, "--json"]);
    return [ran.code, ran.envelope?.error?.code];
  };
  assert.deepEqual(await failing("--live", "--train", "x"), [2, "USAGE"]);
  assert.deepEqual(await failing("--paper", "--tape", "t", "--train", "x"), [2, "USAGE"]);
  assert.deepEqual(await failing("--paper", "--train-from", "x"), [2, "USAGE"]);
});
