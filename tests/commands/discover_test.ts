import assert from "node:assert/strict";
import { register as discover } from "../../commands/discover.ts";
import { register as stream } from "../../commands/stream.ts";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { poly } from "../cli/harness.ts";

const START = Date.UTC(2026, 10, 21, 9, 36);
const commands = [discover, stream];

async function withSim(use: (venue: string) => Promise<void>): Promise<void> {
  const venue = await startVenue({
    seed: 7,
    speed: 30,
    startMs: START,
    port: 0,
    assets: ["btc", "eth"],
    durations: ["5m", "15m"],
    historyHours: 2,
  });
  try {
    await use(`sim:${venue.port}`);
  } finally {
    await venue.close();
  }
}

/** A host that answers as a simulated venue and refuses everything else with `status`. */
async function withRefusal(status: number, use: (venue: string) => Promise<void>): Promise<void> {
  const simStatus = {
    ok: true,
    version: "0",
    seed: 1,
    speed: 1,
    nowMs: START,
    credentials: { apiKey: "k", secret: "s", passphrase: "p" },
    assets: ["btc"],
    durations: ["5m"],
  };
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) =>
      new URL(request.url).pathname === "/sim/status"
        ? Response.json(simStatus)
        : new Response("Service unavailable from a restricted location", { status }),
  );
  try {
    await use(`sim:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

Deno.test("discover lists the current and next windows with everything an order needs to know", async () => {
  await withSim(async (venue) => {
    const argv = ["discover", "--venue", venue, "--asset", "btc,eth", "--duration", "5m,15m", "--json"];
    const { code, envelope } = await poly(argv, { commands });
    assert.equal(code, 0);
    const data = envelope?.data as { serverTime: string; markets: Record<string, unknown>[] };
    assert.ok(Math.abs(Date.parse(data.serverTime) - START) < 600_000);
    assert.equal(data.markets.length, 8);
    const [first] = data.markets;
    assert.deepEqual(Object.keys(first!).sort(), [
      ..."asset conditionId detail duration end fee minSize reason rule slug".split(" "),
      ..."start strike tick tokens tradable version".split(" "),
    ]);
    assert.equal(first?.["slug"], `btc-updown-5m-${Math.floor(Date.parse(String(first?.["start"])) / 1000)}`);
    assert.deepEqual([first?.["rule"], first?.["tradable"]], ["chainlink twap 60 s, tie up", true]);
    assert.deepEqual(first?.["fee"], { rate: 0.07, exponent: 1 });
  });
});

Deno.test("discover lists a window the venue does not have, with the reason, and goes on", async () => {
  await withSim(async (venue) => {
    const { code, envelope } = await poly(
      ["discover", "--venue", venue, "--asset", "btc,sol", "--next", "0", "--json"],
      { commands },
    );
    assert.equal(code, 0);
    const { markets } = envelope?.data as { markets: Record<string, unknown>[] };
    assert.deepEqual(markets.map((m) => [m["asset"], m["tradable"], m["reason"]]), [
      ["btc", true, null],
      ["sol", false, "WINDOW_MISSING"],
    ]);
    const people = await poly(["discover", "--venue", venue, "--asset", "sol", "--next", "0"], { commands });
    assert.ok(people.out.includes("no: WINDOW_MISSING") && people.out.includes("0 of 1 tradable"));
  });
});

Deno.test("a venue that refuses the place ends discover with exit 4, another failure with exit 1", async () => {
  for (
    const [status, exit, code] of [[451, 4, "GEO_BLOCKED"], [403, 4, "GEO_BLOCKED"], [400, 1, "HTTP_STATUS"]]
  ) {
    await withRefusal(Number(status), async (venue) => {
      const ran = await poly(["discover", "--venue", venue, "--json"], { commands });
      assert.deepEqual([ran.code, ran.envelope?.error?.code], [exit, code]);
    });
  }
});

Deno.test("--next wants a whole number, --feeds known names", async () => {
  for (
    const argv of [["discover", "--next", "-1"], ["stream", "--feeds", "nonsense"], [
      "stream",
      "--for",
      "soon",
    ]]
  ) {
    const { code, envelope } = await poly([...argv, "--json"], { commands });
    assert.deepEqual([code, envelope?.error?.code], [2, "USAGE"], argv.join(" "));
  }
});

Deno.test("stream writes one record per event and closes with the state of every feed", async () => {
  await withSim(async (venue) => {
    const { code, out, envelope } = await poly(["stream", "--venue", venue, "--for", "30s", "--json"], {
      commands,
    });
    assert.equal(code, 0);
    const lines = out.trimEnd().split("\n").slice(0, -1).map((line) => JSON.parse(line));
    const basis = lines.filter((line) => "basis" in line).map((line) => line.basis);
    const seconds = basis.map((of) => Math.floor(of.atMs / 1000));
    assert.ok(basis.length >= 20 && new Set(seconds).size === basis.length, `${basis.length} basis records`);
    assert.ok(basis.at(-1).assets.every((of: { futuresBps: { n: number } }) => of.futuresBps.n > 0));
    const records = lines.filter((line) => !("basis" in line));
    assert.ok(records.length > 100, String(records.length));
    let last = 0;
    for (const record of records) {
      assert.deepEqual(Object.keys(record), ["feed", "stream", "tExchangeMs", "tReceiveMs", "event"]);
      assert.ok(record.tReceiveMs >= last);
      last = record.tReceiveMs;
    }
    const streams = new Set(records.map((record) => record.stream));
    for (
      const kind of ["fastBar", "window", "strike", "book", "oraclePrice", "fastBook", "fastTop", "fastTrade"]
    ) {
      assert.ok(streams.has(kind), `no ${kind}`);
    }
    const { basis: summary, feeds } = envelope?.data as {
      basis: { assets: { asset: string }[]; series: unknown[] };
      feeds: Record<string, Record<string, unknown>>;
    };
    assert.ok(summary.assets.some((of) => of.asset === "btc") && summary.series.length > 0);
    assert.equal(Object.keys(feeds).length, 6);
    for (const [feed, summary] of Object.entries(feeds)) {
      assert.equal(summary["state"], "live", `${feed}: ${summary["detail"]}`);
      assert.deepEqual([summary["reconnects"], summary["unrecognised"]], [0, 0], feed);
    }
  });
});

Deno.test("stream ends at once and whole when it is stopped", async () => {
  await withSim(async (venue) => {
    const stop = new AbortController();
    let records = 0;
    let tail = "";
    const { code } = await poly(["stream", "--venue", venue, "--feeds", "binance.spot", "--json"], {
      commands,
      signal: stop.signal,
      stdout: (text) => {
        tail = text;
        // The candles of the warm-up come before the sockets.
        if (++records === 120) stop.abort(new DOMException("stopped", "AbortError"));
      },
    });
    assert.equal(code, 0);
    const envelope = JSON.parse(tail) as { ok: boolean; data: { feeds: Record<string, { frames: number }> } };
    assert.equal(envelope.ok, true);
    assert.ok(envelope.data.feeds["binance.spot"]!.frames > 0);
  });
});

Deno.test("a stopped stream sums up feeds as they were, not as the stop left them", async () => {
  await withSim(async (venue) => {
    const stop = new AbortController();
    const running = poly(["stream", "--venue", venue, "--asset", "btc", "--json"], {
      commands,
      signal: stop.signal,
    });
    setTimeout(() => stop.abort(new DOMException("stopped", "AbortError")), 1500);
    const ran = await running;
    assert.equal(ran.code, 0, ran.err);
    const feeds = ran.envelope?.data?.["feeds"] as Record<string, { state: string; frames: number }>;
    const live = Object.values(feeds).filter((feed) => feed.state === "live");
    assert.ok(live.length >= 4, JSON.stringify(feeds));
  });
});
