import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { recordedStages } from "../../commands/dashboard/session_show.ts";
import { openPlayer, playFrom } from "../../commands/dashboard/session_view.ts";
import { buildCharts } from "../../commands/dashboard/state.ts";
import { poly } from "../cli/harness.ts";
import { withTape } from "./session.ts";

const paper = (tape: string, root: string, ...more: string[]) =>
  poly([
    ...["trade", "--paper", "--tape", tape, "--json", "--data", join(root, "data")],
    ...["--strategy", "mean-revert", ...more],
  ]);

Deno.test("a record played for the page ends with the session's own figures", async () => {
  await withTape(async (tape, root) => {
    const ran = await paper(tape, root);
    assert.equal(ran.code, 0, ran.err);
    const data = ran.envelope!.data!;
    const folder = join(root, "data", "sessions", String(data["session"]));
    const { recording, player } = await openPlayer(folder);
    const played = await playFrom(recording, player, 0, new AbortController().signal);
    const told = player.recorder.data(String(data["session"]));
    for (
      const key of [
        "orders",
        "fills",
        "trades",
        "fees",
        "pnl",
        "windows",
        "decisionsHash",
        "notSent",
        "events",
      ]
    ) assert.deepEqual(told[key], data[key], key);
    assert.ok(buildCharts(player.recorder).equity.tMs.length > 10);
    assert.ok(recordedStages(player.manifest.result).every(({ p99Us, maxUs }) => p99Us <= maxUs));
    // What is known already is not played twice.
    assert.equal(await playFrom(recording, player, played, new AbortController().signal), played);
    assert.equal(player.recorder.events, data["events"]);
  });
});

Deno.test("watching changes no decision: the same tape, watched and not, gives the same hash", async () => {
  await withTape(async (tape, root) => {
    const alone = await paper(tape, root);
    const watched = await paper(tape, root, "--dashboard", ":0", "--metrics", ":0");
    assert.equal(watched.code, 0, watched.err);
    assert.equal(watched.envelope!.data!["decisionsHash"], alone.envelope!.data!["decisionsHash"]);
    const listening = watched.out.split("\n").filter((line) => line.startsWith('{"listening"'));
    assert.deepEqual(
      listening.map((line) => (JSON.parse(line) as { listening: string }).listening),
      ["metrics", "dashboard"],
    );
  });
});

Deno.test("dashboard serves the newest session until it is stopped, and refuses what is none", async () => {
  await withTape(async (tape, root) => {
    assert.equal((await paper(tape, root)).code, 0);
    const stop = new AbortController();
    let state: Record<string, unknown> | null = null;
    const look = async (line: string) => {
      const { url } = JSON.parse(line) as { url: string };
      do state = await (await fetch(`${url}state.json`)).json() as Record<string, unknown>; while (
        state["run"] !== "ended"
      );
      stop.abort(new DOMException("enough", "AbortError"));
    };
    let looking: Promise<void> | null = null;
    const ran = await poly(["dashboard", "--json", "--data", join(root, "data"), "--listen", ":0"], {
      signal: stop.signal,
      stdout: (text) => looking ??= look(text),
    });
    await looking;
    assert.equal(ran.code, 0, ran.err);
    const [name] = await readdir(join(root, "data", "sessions"));
    assert.equal((state!["session"] as { id: string }).id, name);
    const none = await poly(["dashboard", "nothing", "--json", "--data", join(root, "data")]);
    assert.equal(none.envelope!.error!.code, "NOT_A_SESSION");
    const open = await poly([
      "dashboard",
      name!,
      "--json",
      "--data",
      join(root, "data"),
      "--listen",
      "0.0.0.0:0",
    ]);
    assert.deepEqual([open.code, open.envelope!.error!.code], [2, "LISTEN_EXPOSED"]);
  });
});
