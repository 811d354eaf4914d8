/** The user channel against the simulated venue: what comes, what must not be taken for silence, what counts as silence. */
import assert from "node:assert/strict";
import type { Ms } from "../../../core/units.ts";
import { secret } from "../../../feeds/keys/secret.ts";
import { openNetwork } from "../../../feeds/net/network.ts";
import {
  openUserSession,
  type UserSession,
  type UserSessionOptions,
} from "../../../feeds/polymarket/user_session.ts";
import type { UserInput } from "../../../feeds/polymarket/user_codec.ts";
import { type Desk, SILENT, withDesk } from "./desk.ts";

const DEADLINE_MS = 5000;

interface Listener {
  readonly session: UserSession;
  readonly inputs: UserInput[];
  readonly told: string[];
  /** Waits until `fits` holds; asked again after each callback. */
  until(what: string, fits: () => boolean): Promise<void>;
}

async function withUser(
  desk: Desk,
  more: Partial<UserSessionOptions>,
  act: (listener: Listener) => Promise<void>,
): Promise<void> {
  const network = openNetwork();
  const inputs: UserInput[] = [];
  const told: string[] = [];
  let moved = Promise.withResolvers<void>();
  const move = () => {
    const waiting = moved;
    moved = Promise.withResolvers<void>();
    waiting.resolve();
  };
  const session = openUserSession({
    profile: { clobSocket: desk.ws },
    clock: desk.clock,
    network,
    secrets: desk.secrets,
    log: SILENT,
    random: () => 0,
    onInput: (input) => (inputs.push(input), move()),
    onUp: () => (told.push("up"), move()),
    onDown: (reason) => (told.push(`down ${reason}`), move()),
    ...more,
  });
  assert.deepEqual(told, [], "no callback from inside the call");
  const until = async (what: string, fits: () => boolean) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`never ${what}: ${JSON.stringify(told)}`)), DEADLINE_MS);
    });
    try {
      while (!fits()) await Promise.race([moved.promise, late]);
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    await until("up", () => told.length > 0);
    assert.deepEqual(told, ["up"]);
    await act({ session, inputs, told, until });
  } finally {
    await session.close();
    network.close();
  }
}

async function place(desk: Desk) {
  const ready = desk.order(0.02, 60);
  const since = desk.clock.now();
  const call = desk.entry.submit(ready.body, { postOnly: false });
  assert.ok(call.sent);
  assert.equal((await call.reply).reply?.status, 200);
  return { ...ready, since };
}

Deno.test("placement, cancellation and trades arrive as inputs of an order's life", async () => {
  await withDesk({}, async (desk) => {
    await withUser(desk, {}, async ({ inputs, session, told, until }) => {
      assert.equal(session.proven, false);
      const { hash } = await place(desk);
      await until("placed", () => inputs.length === 1);
      await desk.entry.cancel([hash]);
      await until("cancelled", () => inputs.length === 2);
      assert.deepEqual(
        inputs.map((input) => input.type === "orderEvent" && [input.event, input.hash, input.status]),
        [["placement", hash, "live"], ["cancellation", hash, "cancelled"]],
      );
      const { ask } = await desk.book(desk.market5m.up);
      const taker = desk.order(Math.min(0.99, ask + 0.02), 10, { orderType: "FAK" });
      const call = desk.entry.submit(taker.body, { postOnly: false });
      assert.ok(call.sent);
      await desk.run(call.reply);
      await until(
        "a trade",
        () => inputs.some((input) => input.type === "trade" && input.trade.takerHash === taker.hash),
      );
      assert.equal(session.proven, true);
      assert.deepEqual(told, ["up"]);
      assert.equal(session.metrics.unrecognised, 0);
    });
  });
});

Deno.test("a cut socket is down, then up again on another one", async () => {
  await withDesk({}, async (desk) => {
    await withUser(desk, {}, async ({ inputs, told, until }) => {
      await desk.control({ action: "fault", spec: "drop@polymarket.user" });
      desk.advance(100);
      await until("up again", () => told.at(-1) === "up" && told.length > 1);
      assert.equal(told.length, 3);
      assert.match(told[1]!, /^down SOCKET_DEAD/);
      await place(desk);
      await until("heard", () => inputs.length === 1);
    });
  });
});

Deno.test("a socket that answers pings and hides an order that REST knows is replaced", async () => {
  await withDesk({}, async (desk) => {
    await withUser(desk, { silentMs: 400 }, async ({ inputs, session, told, until }) => {
      await place(desk);
      await until("heard", () => inputs.length === 1);
      await desk.control({ action: "fault", spec: "freeze@polymarket.user,sockets=open" });
      const hidden = await place(desk);
      session.noteActivityExpected(hidden.hash, hidden.since);
      desk.advance(399);
      session.noteActivityExpected(hidden.hash, hidden.since);
      desk.advance(1);
      await until("up again", () => told.length === 3);
      assert.match(told[1]!, new RegExp(`^down SUBSCRIPTION_DEAD: silent about ${hidden.hash}$`));
      assert.deepEqual([told[2], session.silences], ["up", 1]);
      const heard = inputs.length;
      await place(desk);
      await until("heard", () => inputs.length === heard + 1);
    });
  });
});

Deno.test("an order that was heard of is no reason to doubt, whichever came first", async () => {
  await withDesk({}, async (desk) => {
    await withUser(desk, { silentMs: 100 }, async ({ inputs, session, told, until }) => {
      const first = await place(desk);
      await until("heard", () => inputs.length === 1);
      session.noteActivityExpected(first.hash, first.since);
      const second = await place(desk);
      session.noteActivityExpected(second.hash, second.since);
      await until("heard", () => inputs.length === 2);
      desk.advance(1000);
      // The timer that judges goes round every 25 ms.
      const judgedMs = performance.now() + 80;
      while (performance.now() < judgedMs) await desk.entry.lookup(second.hash);
      assert.deepEqual([told, session.silences], [["up"], 0]);
    });
  });
});

Deno.test("a wrong login looks like peace until REST is asked, and the reason says to check the credentials", async () => {
  await withDesk({}, async (desk) => {
    const secrets = { ...desk.secrets, passphrase: secret("wrong") };
    await withUser(desk, { secrets, silentMs: 200 }, async ({ inputs, session, told, until }) => {
      const { hash, since } = await place(desk);
      session.noteActivityExpected(hash, since);
      desk.advance(200);
      await until("down", () => told.length > 1);
      assert.match(told[1]!, /check the API credentials$/);
      assert.deepEqual([inputs.length, session.proven], [0, false]);
    });
  });
});

Deno.test("a message that cannot be read is counted, and REST is asked for what it was", async () => {
  await withDesk({}, async (desk) => {
    const seen: string[] = [];
    await withUser(desk, { onFrame: (raw) => void seen.push(raw) }, async ({ session, told, until }) => {
      await desk.control({ action: "fault", spec: "garble@polymarket.user,every=1,as=cut,count=1" });
      await place(desk);
      await until("asked again", () => told.length === 3);
      assert.deepEqual(told, ["up", "down a message could not be read", "up"]);
      assert.equal(session.metrics.unrecognised, 1);
      const { apiKey, passphrase, secret } = desk.secrets;
      for (const value of [secret, passphrase]) assert.ok(!seen.join().includes(value.reveal()));
      assert.ok(apiKey.reveal().length > 0);
    });
  });
});

Deno.test("no message after close()", async () => {
  await withDesk({}, async (desk) => {
    let later = 0;
    await withUser(desk, { onDown: () => void later++ }, async ({ session, inputs }) => {
      await session.close();
      const { hash, since } = await place(desk);
      session.noteActivityExpected(hash, since as Ms);
      assert.deepEqual([inputs.length, later], [0, 0]);
    });
  });
});
