/** The gateway with everything real behind it, order entry, user socket, heartbeat, signatures, before the simulated venue. */
import assert from "node:assert/strict";
import type { ExecutionEvent, OrderRejectedEvent, SubmitIntent } from "../../../core/events.ts";
import { heldOf } from "../../../core/orders/ledger.ts";
import { type Ms, ms, type Price, type Shares, type Usdc } from "../../../core/units.ts";
import type { Clock } from "../../../feeds/clock.ts";
import { openGateway } from "../../../feeds/gateway/gateway.ts";
import type { Gateway } from "../../../feeds/gateway/types.ts";
import { type Journal, openJournal } from "../../../feeds/journal/journal.ts";
import { parseKey } from "../../../feeds/keys/keystore.ts";
import { secret } from "../../../feeds/keys/secret.ts";
import { openNetwork } from "../../../feeds/net/network.ts";
import { openHeartbeat } from "../../../feeds/polymarket/order_entry/heartbeat.ts";
import { openOrderEntry } from "../../../feeds/polymarket/order_entry/order_entry.ts";
import { accountOf, openSigner } from "../../../feeds/polymarket/signing/account.ts";
import { type ApiSecrets, l2Signer } from "../../../feeds/polymarket/signing/login.ts";
import { saltSource } from "../../../feeds/polymarket/signing/order.ts";
import { openUserSession } from "../../../feeds/polymarket/user_session.ts";
import { withFolder } from "../journal/journals.ts";
import { TEST_KEYS } from "../../venue/official.ts";
import { type Floor, type Market, withFloor } from "../../venue/stage.ts";
import { Account, INSTRUMENT } from "./stage.ts";

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} };
const random = (into: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(into);
const DEADLINE_TURNS = 6_000;

/** One run of a program before the venue. */
interface Run {
  readonly gateway: Gateway;
  readonly journal: Journal;
  readonly events: ExecutionEvent[];
  readonly alarms: string[];
  /** What an engine would hold; null when it was not asked for. */
  readonly account: Account;
  /** Dies without a word. */
  kill(): Promise<void>;
}

interface World {
  readonly floor: Floor;
  readonly market: Market;
  open(): Promise<Run>;
  /** Venue time runs, 50 ms a turn, until it fits. */
  until(what: string, fits: () => boolean): Promise<void>;
  during<T>(promise: Promise<T>): Promise<T>;
  intent(change: Partial<SubmitIntent>): SubmitIntent;
  cash(): Promise<number>;
  shares(token: string): Promise<number>;
}

async function withWorld(act: (world: World) => Promise<void>): Promise<void> {
  await withFolder((folder) =>
    withFloor({}, async (floor) => {
      const { creds } = await floor.client(0);
      const secrets: ApiSecrets = {
        apiKey: secret(creds!.key),
        secret: secret(creds!.secret),
        passphrase: secret(creds!.passphrase),
      };
      const market = await floor.market();
      const pair = parseKey(secret(TEST_KEYS[0]), "a test");
      const account = accountOf({ key: pair.address, signatureType: "0" });
      const signer = await openSigner({ account, key: pair.key, random });
      let sleepers: { at: number; wake: () => void }[] = [];
      const clock: Clock = {
        now: () => ms(floor.now()),
        monotonicUs: () => performance.now() * 1_000,
        speed: 50,
        sleep: (duration, signal) =>
          new Promise((resolve, reject) => {
            if (signal?.aborted === true) return reject(signal.reason);
            sleepers.push({ at: floor.now() + duration, wake: resolve });
            signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
          }),
      };
      const running = new Set<Run>();
      const turn = async () => {
        await new Promise<void>((resolve) => setTimeout(resolve, 1));
        floor.advance(50);
        const due = sleepers.filter(({ at }) => at <= floor.now());
        sleepers = sleepers.filter(({ at }) => at > floor.now());
        for (const { wake } of due) wake();
        for (const { gateway } of running) gateway.tick();
      };
      const until = async (what: string, fits: () => boolean) => {
        for (let i = 0; i < DEADLINE_TURNS && !fits(); i++) await turn();
        assert.ok(fits(), what);
      };
      const during = async <T>(promise: Promise<T>): Promise<T> => {
        let done = false;
        const settled = promise.finally(() => void (done = true));
        settled.catch(() => {});
        await until("it ends", () => done);
        return await settled;
      };
      const open = async (): Promise<Run> => {
        const network = openNetwork();
        const entry = openOrderEntry({
          profile: { clob: floor.http },
          clock,
          random: () => 0.5,
          log: SILENT,
          signer: l2Signer(pair.address, secrets),
          signatureType: 0,
          openOrders: () => gateway.wallet.life.orders.open,
          keepAliveMs: null,
        });
        const journal = openJournal({
          folder: `${folder}/journal`,
          wallet: account.funder,
          owner: { pid: Deno.pid, startedAtMs: floor.now() },
        });
        const events: ExecutionEvent[] = [];
        const alarms: string[] = [];
        const own = new Account();
        const closers: (() => unknown)[] = [];
        const gateway: Gateway = await openGateway({
          signer,
          apiKey: secrets.apiKey,
          entry,
          openHeartbeat: (handlers) => {
            const heart = openHeartbeat({ clock, entry, log: SILENT, ...handlers });
            closers.push(() => heart.close());
            return heart;
          },
          openUserFeed: (handlers) => {
            const session = openUserSession({
              profile: { clobSocket: floor.ws },
              clock,
              network,
              secrets,
              log: SILENT,
              random: () => 0,
              ...handlers,
            });
            closers.push(() => session.close());
            return session;
          },
          journal,
          latchFolder: `${folder}/latches`,
          clock,
          salt: saltSource(random),
          log: SILENT,
          onReady: () => {
            for (const event of gateway.advance(clock.now())) {
              events.push(event);
              own.apply(
                event.type === "fill" && event.token === market.up ? { ...event, token: "111" } : event,
              );
            }
          },
          onAlarm: ({ code, detail }) => void alarms.push(`${code}: ${detail}`),
        });
        const run: Run = {
          gateway,
          journal,
          events,
          alarms,
          account: own,
          async kill() {
            running.delete(run);
            journal.close();
            for (const close of closers) await close();
            await entry.close();
            network.close();
          },
        };
        running.add(run);
        return run;
      };
      const listed = (run: Run) =>
        run.gateway.observe({
          type: "window",
          tExchange: clock.now(),
          tReceive: clock.now(),
          instrument: {
            ...INSTRUMENT,
            conditionId: market.conditionId,
            upToken: market.up,
            downToken: market.down,
            endMs: ms(market.endMs),
          },
        });
      let ids = 0;
      const world: World = {
        floor,
        market,
        async open() {
          const run = await open();
          listed(run);
          return run;
        },
        until,
        during,
        intent: (change) => ({
          type: "submit",
          orderId: `o${++ids}`,
          conditionId: market.conditionId,
          token: market.up,
          outcome: "up",
          side: "buy",
          orderType: "FAK",
          postOnly: false,
          limit: 9_900 as Price,
          size: 0 as Shares,
          spend: 20_000_000 as Usdc,
          bornAt: clock.now(),
          maxAge: 1_000 as Ms,
          ...change,
        }),
        async cash() {
          const client = await floor.client(0);
          const about = { asset_type: "COLLATERAL" as never };
          await client.updateBalanceAllowance(about);
          const row = await client.getBalanceAllowance(about);
          return Number(row.balance);
        },
        async shares(token) {
          const client = await floor.client(0);
          const about = { asset_type: "CONDITIONAL" as never, token_id: token };
          await client.updateBalanceAllowance(about);
          return Number((await client.getBalanceAllowance(about)).balance);
        },
      };
      try {
        await act(world);
      } finally {
        for (const run of [...running]) await run.kill();
        signer.close();
      }
    })
  );
}

const submit = ({ gateway }: Run, intent: SubmitIntent): SubmitIntent => {
  gateway.submit(intent, intent.bornAt);
  return intent;
};
const ended = ({ events }: Run, { orderId }: SubmitIntent) =>
  events.find((event) =>
    (event.type === "orderDone" || event.type === "orderRejected") && event.orderId === orderId
  );
const finals = ({ events }: Run) =>
  events.filter((event) => event.type === "fillStage" && event.stage === "final");
const held = ({ gateway }: Run, token: string) => {
  const sums = gateway.wallet.ledgers.final.tokens.get(token);
  return sums === undefined ? 0 : heldOf(sums);
};

Deno.test("bought, rested, cancelled, sold: ledger and venue agree to the last millionth", async () => {
  await withWorld(async ({ market, open, until, during, intent, cash, shares }) => {
    const run = await open();
    const { gateway } = run;
    const report = await during(gateway.start());
    assert.deepEqual([report.cash, report.isNew], [10_000_000_000, true]);
    const low = submit(
      run,
      intent({ orderType: "GTC", limit: 100 as Price, size: 50_000_000 as Shares, spend: 0 as Usdc }),
    );
    const buy = submit(run, intent({}));
    await until("the purchase is settled", () => ended(run, buy) !== undefined && finals(run).length > 0);
    assert.equal(ended(run, low), undefined);
    gateway.submit({ type: "cancel", orderId: low.orderId, bornAt: buy.bornAt }, buy.bornAt);
    await until("the resting order is cancelled", () => ended(run, low) !== undefined);
    await until("all trades are final", () => gateway.wallet.ledgers.pendingOut === 0);
    const bought = held(run, market.up);
    assert.ok(bought > 0);
    assert.equal(await during(shares(market.up)), bought);
    assert.equal(await during(cash()), gateway.wallet.ledgers.final.cash);

    const size = Math.floor(bought / 10_000) * 10_000 as Shares;
    const before = finals(run).length;
    const sell = submit(run, intent({ side: "sell", size, spend: 0 as Usdc, limit: 100 as Price }));
    await until("the sale is settled", () => ended(run, sell) !== undefined && finals(run).length > before);
    await until(
      "all trades are final",
      () => gateway.wallet.life.trades.values().every(({ state }) => state === "confirmed"),
    );
    assert.equal(held(run, market.up), await during(shares(market.up)));
    assert.equal(await during(cash()), gateway.wallet.ledgers.final.cash);
    assert.deepEqual(run.alarms, []);
    const stop = await during(gateway.stop());
    assert.deepEqual(stop, { openAfter: [], proved: true, unsettled: [], unknown: [] });
    await run.kill();
  });
});

Deno.test("killed with an order open and another without an answer: the next run finds both, sends nothing again", async () => {
  await withWorld(async (world) => {
    const { floor, market, open, until, during, intent, cash, shares } = world;
    const first = await open();
    await during(first.gateway.start());
    const low = {
      orderType: "GTC",
      limit: 100 as Price,
      size: 50_000_000 as Shares,
      spend: 0 as Usdc,
    } as const;
    submit(first, intent(low));
    await until("it rests", () => first.events.some(({ type }) => type === "orderAccepted"));
    await during(floor.control({ action: "order-timeout", landed: true, answer: "none", count: 1 }));
    submit(first, intent({}));
    // Bytes leave, no answer comes; then the process is gone.
    await until("the venue has taken it", () => first.gateway.wallet.life.trades.size > 0);
    await first.kill();

    const second = await open();
    const report = await during(second.gateway.start());
    assert.equal(report.cancelled.length, 1);
    assert.deepEqual([report.unknown, report.foreignOrders, report.foreignPositions], [[], [], []]);
    await until("all trades are final", () => second.gateway.wallet.ledgers.pendingOut === 0);
    assert.ok(held(second, market.up) > 0);
    assert.equal(await during(shares(market.up)), held(second, market.up));
    assert.equal(await during(cash()), second.gateway.wallet.ledgers.final.cash);
    assert.equal(second.account.portfolio.cash, second.gateway.wallet.ledgers.provisional.cash);
    const client = await floor.client(0);
    assert.equal((await during(client.getOpenOrders())).length, 0);
    assert.deepEqual(second.alarms, []);
    await during(second.gateway.stop());
    await second.kill();
  });
});

Deno.test("a settlement that fails is undone, a restart of the venue refuses with its code and passes", async () => {
  await withWorld(async ({ floor, market, open, until, during, intent, cash }) => {
    const run = await open();
    const { gateway } = run;
    await during(gateway.start());
    await during(floor.control({ action: "settlement", outcome: "FAILED", count: 50 }));
    const buy = submit(run, intent({}));
    await until("its trades are undone", () => {
      const undone = run.events.filter((event) =>
        event.type === "fillStage" && event.stage === "undone"
      ).length;
      return ended(run, buy) !== undefined && undone > 0 &&
        undone === run.events.filter(({ type }) => type === "fill").length;
    });
    assert.equal(gateway.wallet.ledgers.provisional.cash, 10_000_000_000);
    assert.equal(held(run, market.up), 0);
    assert.equal(await during(cash()), 10_000_000_000);

    await during(floor.control({ action: "mode", mode: "restart", seconds: 5 }));
    const refused = submit(run, intent({}));
    await until("the venue refuses", () => ended(run, refused) !== undefined);
    assert.equal((ended(run, refused) as OrderRejectedEvent).code, "ENGINE_RESTART");
    const next = submit(run, intent({}));
    await until("ours refuses", () => ended(run, next) !== undefined);
    assert.equal((ended(run, next) as OrderRejectedEvent).code, "VENUE_RESTARTING");
    await during(gateway.stop());
    await run.kill();
  });
});
