import assert from "node:assert/strict";
import { KillWatch } from "../../../commands/trading/kill_watch.ts";
import type { AccountEvent } from "../../../core/events.ts";
import { DEFAULT_KILL_LIMITS } from "../../../core/risk/kill_switch.ts";
import type { Ms, Usdc } from "../../../core/units.ts";
import { at, dollars, type EngineRig, engineRig, lots, resolvedEvent, START } from "../../core/helpers.ts";

const NO_ERRORS = { health: () => ({ errorsLastMinute: 0, latencyP50Ms: null, latencyP95Ms: null }) };
const watch = (): KillWatch => new KillWatch(DEFAULT_KILL_LIMITS, NO_ERRORS);

const account = (t: number, cashChange: Usdc, cost: readonly number[] = []): AccountEvent => ({
  type: "account",
  cashChange,
  redeemed: dollars(0),
  adopted: cost.map((each, i) => ({
    token: `t${i}`,
    conditionId: `old${i}`,
    outcome: "up" as const,
    shares: lots(each),
    cost: dollars(each),
  })),
  reserved: [],
  reason: "",
  ...at(t),
});

/** The position of window `old<i>` becomes worthless. */
const lose = ({ engine }: EngineRig, i: number): void =>
  void engine.step(resolvedEvent(START + 10 + i, "down", `old${i}`));

Deno.test("a withdrawal is no drawdown; what is lost of the rest is", () => {
  const rig = engineRig({ bankroll: dollars(0) });
  const kill = watch();
  rig.engine.step(account(START, dollars(91), [9]));
  assert.equal(kill.check(rig.engine, START as Ms), null);
  rig.engine.step(account(START + 1, dollars(-50)));
  assert.equal(kill.check(rig.engine, START as Ms), null);
  lose(rig, 0);
  assert.equal(rig.engine.equity(), dollars(41));
  assert.equal(kill.check(rig.engine, START as Ms)?.code, "KILL_DRAWDOWN");
});

Deno.test("a deposit does not hide what was lost before it", () => {
  const rig = engineRig({ bankroll: dollars(0) });
  const kill = watch();
  // The first look may come before the account is known.
  assert.equal(kill.check(rig.engine, START as Ms), null);
  rig.engine.step(account(START, dollars(82), [9, 9]));
  assert.equal(kill.check(rig.engine, START as Ms), null);
  lose(rig, 0);
  rig.engine.step(account(START + 20, dollars(50)));
  assert.equal(kill.check(rig.engine, START as Ms), null);
  lose(rig, 1);
  assert.equal(rig.engine.equity(), dollars(132));
  assert.equal(kill.check(rig.engine, START as Ms)?.code, "KILL_DRAWDOWN");
});
