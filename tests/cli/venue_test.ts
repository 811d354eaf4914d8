import assert from "node:assert/strict";
import { parseVenue } from "../../commands/venue.ts";
import { OperationError } from "../../core/errors.ts";
import { connectSim } from "../../feeds/sim_status.ts";
import { poly } from "./harness.ts";
import { probe } from "./probe_program.ts";

const none = () => undefined;
const STATUS = {
  ok: true,
  version: "0.1.0",
  seed: 7,
  speed: 15,
  nowMs: 1_790_000_000_000,
  startMs: 1_789_000_000_000,
  lagMs: 0,
  credentials: { apiKey: "a", secret: "b", passphrase: "c" },
  assets: ["btc"],
  durations: ["5m"],
};

/** A loopback server that answers every request with `body`. */
async function withServer(
  body: () => Response | Promise<Response>,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, body);
  try {
    await use(server.addr.port);
  } finally {
    await server.shutdown();
  }
}

const venueCommand = [probe(async (ctx) => {
  const { profile, clock } = await ctx.venue();
  const again = await ctx.venue();
  return {
    data: {
      name: profile.name,
      clob: profile.clob,
      now: clock.now(),
      speed: clock.speed,
      same: again.clock === clock,
    },
  };
})];

Deno.test("the four forms of --venue", () => {
  assert.deepEqual(parseVenue("polymarket", none), { kind: "polymarket" });
  assert.deepEqual(parseVenue("sim", none), { kind: "sim", host: "127.0.0.1", port: 8787 });
  assert.deepEqual(parseVenue("sim", () => "9100"), { kind: "sim", host: "127.0.0.1", port: 9100 });
  assert.deepEqual(parseVenue("sim:9000", none), { kind: "sim", host: "127.0.0.1", port: 9000 });
  assert.deepEqual(parseVenue("http://localhost:81", none), { kind: "sim", host: "localhost", port: 81 });
  assert.deepEqual(parseVenue("http://localhost/", none), { kind: "sim", host: "localhost", port: 80 });
});

Deno.test("anything else is VENUE_INVALID, exit 2", () => {
  const wrong = [
    "simulator",
    "sim:",
    "sim:0",
    "sim:70000",
    "sim:1e3",
    "https://x:1",
    "http://x/path",
    "http://u@x",
    "",
  ];
  for (const text of wrong) {
    assert.throws(() => parseVenue(text, none), (error) => {
      assert.ok(error instanceof OperationError);
      assert.equal(error.code, "VENUE_INVALID", text);
      return error.exit === 2;
    }, text);
  }
  assert.throws(() => parseVenue("sim", () => "port"), OperationError);
});

Deno.test("ctx.venue() asks the simulated venue for its clock, once", async () => {
  let asked = 0;
  await withServer(() => {
    asked++;
    return Response.json(STATUS);
  }, async (port) => {
    for (const venue of [`sim:${port}`, `http://127.0.0.1:${port}`]) {
      asked = 0;
      const { code, envelope } = await poly(["probe", "--json", "--venue", venue], {
        commands: venueCommand,
      });
      assert.equal(code, 0, JSON.stringify(envelope?.error));
      assert.equal(envelope?.data?.["name"], "sim");
      assert.equal(envelope?.data?.["clob"], `http://127.0.0.1:${port}/clob`);
      assert.equal(envelope?.data?.["speed"], 15);
      assert.equal(envelope?.data?.["same"], true);
      const ahead = Number(envelope?.data?.["now"]) - STATUS.nowMs;
      assert.ok(ahead >= 0 && ahead < 60_000, String(ahead));
      assert.equal(asked, 1);
    }
  });
});

Deno.test("the clock stands at the venue's time plus half a round trip at the venue's speed", async () => {
  let monotonic = 1000;
  const { clock, status } = await connectSim({
    host: "127.0.0.1",
    port: 1,
    monotonicMs: () => (monotonic += 20) - 20,
    fetch: () => Promise.resolve(Response.json(STATUS)),
  });
  // Sent at 1000, received at 1020: 10 ms half way, at speed 15.
  const nowAtReceipt = clock.now() - (performance.now() - 1020) * 15;
  assert.ok(Math.abs(nowAtReceipt - (STATUS.nowMs + 150)) < 20, String(nowAtReceipt - STATUS.nowMs));
  assert.equal(status.credentials.apiKey, "a");
});

Deno.test("no venue there: VENUE_UNREACHABLE, exit 1, with the way to start one", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = (listener.addr as Deno.NetAddr).port;
  listener.close();
  const { code, envelope } = await poly(["probe", "--json", "--venue", `sim:${port}`], {
    commands: venueCommand,
  });
  assert.equal(code, 1);
  assert.equal(envelope?.error?.code, "VENUE_UNREACHABLE");
  assert.match(envelope?.error?.hint ?? "", /poly-edge sim.*--venue sim/);
});

Deno.test("something else on that port is not taken for a venue", async () => {
  const answers = [
    () => new Response("hello"),
    () => Response.json({ ok: true }),
    () => Response.json({ ...STATUS, speed: 0 }),
    () => Response.json(STATUS, { status: 503 }),
    () => Response.redirect("http://127.0.0.1:1/"),
  ];
  for (const answer of answers) {
    await withServer(answer, async (port) => {
      const { envelope } = await poly(["probe", "--json", "--venue", `sim:${port}`], {
        commands: venueCommand,
      });
      assert.equal(envelope?.error?.code, "VENUE_UNREACHABLE", answer.toString());
    });
  }
});

Deno.test("a venue that does not answer in time is unreachable, and says how long was waited", async () => {
  await assert.rejects(
    connectSim({
      host: "127.0.0.1",
      port: 1,
      fetch: () => Promise.reject(new DOMException("timed out", "TimeoutError")),
    }),
    (error) => error instanceof OperationError && /no answer within 3000 ms/.test(error.message),
  );
});

Deno.test("a stop while the venue is being asked is a stop, not a venue failure", async () => {
  const controller = new AbortController();
  const reason = new DOMException("stopped by SIGINT", "AbortError");
  const asked = connectSim({
    host: "127.0.0.1",
    port: 1,
    signal: controller.signal,
    fetch: (_, init) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
        controller.abort(reason);
      }),
  });
  await assert.rejects(asked, (error) => error === reason);
});
