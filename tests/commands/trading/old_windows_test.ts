import assert from "node:assert/strict";
import { OldWindows } from "../../../commands/trading/old_windows.ts";
import type { Engine } from "../../../core/engine.ts";
import { InvariantError } from "../../../core/errors.ts";
import type { ResolvedEvent } from "../../../core/events.ts";
import type { Ms } from "../../../core/units.ts";

const LOG = { debug: () => {}, info: () => {}, warn: () => {} };
const CLOB = "http://clob.test";

/** What `OldWindows` reads of an engine that holds shares of windows it does not know. */
const holding = (ids: readonly string[]): Engine =>
  ({
    portfolio: { positions: new Map(ids.map((conditionId) => [conditionId, { conditionId }])) },
    windows: new Map(),
  }) as unknown as Engine;

const wonByUp = {
  tokens: [{ token_id: "1", outcome: "Up", winner: true }, { token_id: "2", outcome: "Down", winner: false }],
};

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

interface Scene {
  readonly asked: string[];
  readonly answers: ((body: unknown) => void)[];
  readonly old: OldWindows;
}

function scene(emit: (event: ResolvedEvent) => void): Scene {
  const asked: string[] = [];
  const answers: ((body: unknown) => void)[] = [];
  const get = (url: string) => {
    asked.push(url);
    return new Promise<unknown>((resolve) => answers.push(resolve));
  };
  const http = { get, post: () => Promise.reject(new Error("nothing is posted")) };
  const old = new OldWindows({ http, clob: CLOB, clock: { now: () => 1_000 as Ms }, log: LOG, emit });
  return { asked, answers, old };
}

Deno.test("close() asks about no further window: a session that ends does not wait for the whole round", async () => {
  const told: string[] = [];
  const { answers, asked, old } = scene(({ conditionId }) => void told.push(conditionId));
  old.tick(holding(["0x1", "0x2", "0x3"]));
  await turns();
  assert.equal(asked.length, 1);
  const closed = old.close();
  answers[0]!(wonByUp);
  await closed;
  assert.deepEqual([asked.length, told], [1, ["0x1"]]);
  old.tick(holding(["0x2"]));
  assert.equal(asked.length, 1);
});

Deno.test("what the session throws when it is told a winner is no unread answer: the next tick throws it", async () => {
  const { answers, asked, old } = scene(() => {
    throw new InvariantError("a window pays out once");
  });
  const engine = holding(["0x1", "0x2"]);
  old.tick(engine);
  await turns();
  answers[0]!(wonByUp);
  await turns();
  assert.throws(() => old.tick(engine), InvariantError);
  assert.equal(asked.length, 1);
  await old.close();
});
