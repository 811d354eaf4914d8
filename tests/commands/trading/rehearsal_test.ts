import assert from "node:assert/strict";
import { openRehearsal, type RehearsalOptions } from "../../../commands/trading/rehearsal.ts";
import { Readiness } from "../../../commands/trading/readiness.ts";
import { engineOptions } from "../../../commands/trading/settings.ts";
import { defaultConfig } from "../../../commands/config/schema.ts";
import type { SubmitIntent } from "../../../core/events.ts";
import { Secret } from "../../../feeds/keys/secret.ts";
import { openCurve } from "../../../feeds/polymarket/signing/curve.ts";

const curve = await openCurve(new Secret(new Uint8Array(32).fill(7)));
const random: RehearsalOptions["random"] = (into) => void crypto.getRandomValues(into);

async function rehearsed(passes: number, over: Partial<RehearsalOptions> = {}): Promise<string[]> {
  const bodies: string[] = [];
  let us = 0;
  const rehearsal = await openRehearsal({
    engine: engineOptions(defaultConfig(), { strategy: "fair-value", seed: 1, stops: true }),
    ...{ windows: 4, signatureType: 0, random, curve },
    rehearse: (body) => void bodies.push(body),
    monotonicUs: () => us += 3,
    ...over,
  });
  await rehearsal.run(passes);
  assert.equal(rehearsal.orders, bodies.length);
  rehearsal.close();
  return bodies;
}

Deno.test("every pass of a rehearsal walks the whole way of an order, of one and of several at once", async () => {
  const bodies = await rehearsed(100);
  // The first pass only learns of the windows; from then on one order and two, in turn.
  assert.ok(bodies.length > 140 && bodies.length <= 150, `${bodies.length} orders`);
  const orders = bodies.map((body) => JSON.parse(body).order as Record<string, string>);
  // Signing is rehearsed now and then: as a rule an order's signature is ready when it is wanted.
  const signatures = new Set(orders.map(({ signature }) => signature)).size;
  assert.ok(signatures > orders.length / 10 && signatures < orders.length / 6, `${signatures} signatures`);
  assert.equal(new Set(orders.map(({ tokenId }) => tokenId)).size, 2, "both sides");
});

Deno.test("each rehearsal signs with a key of its own, never with the account's", async () => {
  const makers = new Set<string>();
  for (let i = 0; i < 3; i++) {
    for (const body of await rehearsed(10)) makers.add(JSON.parse(body).order.maker as string);
  }
  assert.equal(makers.size, 3);
});

Deno.test("deposit wallets rehearse their own kind of signature", async () => {
  const [body] = await rehearsed(10, { signatureType: 3 });
  const { signature, signatureType } = JSON.parse(body!).order as Record<string, string>;
  assert.equal(signatureType, 3);
  assert.ok(signature!.length > 500, "with the wrapper");
});

Deno.test("a rehearsal that goes on for hours begins anew and anew, and goes on", async () => {
  // 200 s of its own time are an episode: 2,000 passes of 100 ms.
  const bodies = await rehearsed(4_500);
  assert.ok(bodies.length > 6_700 && bodies.length <= 6_750, `${bodies.length} orders`);
});

Deno.test("a stop ends the passes before the first frame at once", async () => {
  let bodies = 0;
  const stop = new AbortController();
  const rehearsal = await openRehearsal({
    engine: engineOptions(defaultConfig(), { strategy: "fair-value", seed: 1, stops: true }),
    ...{ windows: 4, signatureType: 0, random, curve, monotonicUs: () => 0 },
    rehearse: () => {
      if (++bodies === 10) stop.abort(new DOMException("stopped", "AbortError"));
    },
  });
  await assert.rejects(rehearsal.run(1_500, stop.signal), { name: "AbortError" });
  assert.ok(bodies <= 11, `${bodies} orders`);
  rehearsal.close();
});

Deno.test("a fault in a turn ends what is kept ready, not the session: told once, nothing more is done", () => {
  const fault = new Error("the model is broken");
  const stages = ["rehearsal", "observe", "preview", "prepare"] as const;
  for (const broken of stages) {
    const told: unknown[] = [];
    let passes = 0;
    const at = (stage: typeof stages[number]) => {
      if (stage === broken) throw fault;
    };
    const readiness = new Readiness({
      engine: { observe: () => at("observe"), preview: () => (at("preview"), []) },
      gateway: { state: "running", prepare: () => (at("prepare"), 0) },
      rehearsal: { pass: () => (passes++, at("rehearsal")) },
      ...{ signAhead: true, everyMs: 5, onFault: (error: unknown) => void told.push(error) },
    });
    for (let i = 0; i < 3; i++) readiness.turn();
    assert.deepEqual(told, [fault], broken);
    assert.equal(passes, 1, broken);
    readiness.close();
  }
});

Deno.test("a policy too slow to be rehearsed is not asked any more, and the rest is rehearsed all the same", async () => {
  for (const [sleepUs, asked] of [[400, true], [1_500, false]] as const) {
    let us = 0;
    let decided = 0;
    const engine = engineOptions(defaultConfig(), { strategy: "fair-value", seed: 1, stops: true });
    const bodies: string[] = [];
    const rehearsal = await openRehearsal({
      engine: {
        ...engine,
        policy: {
          ...engine.policy,
          decide() {
            decided++;
            us += sleepUs;
            return 0;
          },
        },
      },
      ...{ windows: 1, signatureType: 0, random, curve },
      rehearse: (body) => void bodies.push(body),
      monotonicUs: () => us += 5,
    });
    await rehearsal.run(1_000);
    assert.equal(rehearsal.asksPolicy, asked);
    // And once when its window is told.
    assert.equal(decided, 1 + (asked ? 1_000 : 200));
    assert.ok(bodies.length > 900);
    rehearsal.close();
  }
});

Deno.test("while nothing waits, the way is rehearsed and what may be wanted next is signed, a little in each turn", () => {
  let passes = 0;
  let looks = 0;
  let seen = 0;
  const asked: number[] = [];
  const state = { now: "running" as const } as { now: "running" | "resyncing" };
  const readiness = new Readiness({
    engine: {
      observe: () => void seen++,
      preview: () => {
        looks++;
        return [{ orderId: "" } as SubmitIntent];
      },
    },
    gateway: {
      get state() {
        return state.now;
      },
      prepare: (wanted, most) => {
        asked.push(wanted.length);
        return most;
      },
    },
    rehearsal: { pass: () => void passes++ },
    ...{ signAhead: true, everyMs: 5, onFault: assert.ifError },
  });
  for (let i = 0; i < 8; i++) readiness.turn();
  assert.deepEqual([passes, looks, asked.length, readiness.signed], [8, 2, 8, 16]);
  assert.equal(seen, 8);
  state.now = "resyncing";
  readiness.turn();
  assert.deepEqual([passes, asked.length], [9, 8], "nothing is signed while nothing may be sent");
});
