/**
 * What recording a session costs: an hour of two synthetic assets through the engine, without a record and with one, in
 * the same run. "On the path" is what events wait for; "beside it" is text, compression and disk, which run between them.
 *
 * Run: deno task bench:session [--json] [--dir FOLDER]
 */
import { join } from "node:path";
import { ExchangeModel } from "../core/exchange/exchange_model.ts";
import type { MarketEvent } from "../core/events.ts";
import { defaultConfig } from "../commands/config/schema.ts";
import { SessionRecorder } from "../commands/trading/recorder.ts";
import { replaySession } from "../commands/trading/replay_run.ts";
import { SessionFiles } from "../commands/trading/session_files.ts";
import { sessionStart } from "../commands/trading/session_start.ts";
import { engineOptions, paperOptions } from "../commands/trading/settings.ts";
import { openSession } from "../feeds/session/reader.ts";
import { syntheticMarket } from "../tests/replay/market.ts";

const ROUNDS = 5;
/** Groups fed between two turns of the timer, as when frames arrive in bursts. */
const BURST = 64;

const config = defaultConfig();
const groups = [...syntheticMarket({ seed: 3, minutes: 60 })] as MarketEvent[][];
const events = groups.reduce((sum, group) => sum + group.length, 0);
const at = Deno.args.indexOf("--dir");
const parent = at < 0 ? undefined : Deno.args[at + 1];
const root = await Deno.makeTempDir(parent === undefined ? {} : { dir: parent });

interface Round {
  readonly pathUs: number;
  readonly besideUs: number;
  readonly bytes: number;
  readonly replayUs: number;
}

async function round(id: string, recorded: boolean): Promise<Round> {
  const engine = engineOptions(config, { strategy: "fair-value", seed: 42, stops: false });
  const start = sessionStart({ id, mode: "paper", source: "sockets", config, seed: 42, engine });
  const files = recorded ? await SessionFiles.open(root, start) : null;
  const recorder = new SessionRecorder({
    engine,
    exchange: new ExchangeModel(paperOptions(config)),
    monotonicUs: () => 0,
    ...(files === null ? {} : { record: files.record, writeDecision: (line) => files.writeDecision(line) }),
  });
  let [path, beside] = [0, 0];
  for (let i = 0; i < groups.length; i += BURST) {
    const from = performance.now();
    for (let j = i; j < Math.min(i + BURST, groups.length); j++) recorder.frame(groups[j]!);
    const fed = performance.now();
    await files?.record.drained();
    path += fed - from;
    beside += performance.now() - fed;
  }
  if (files === null) return { pathUs: path * 1000 / events, besideUs: 0, bytes: 0, replayUs: 0 };
  const closing = performance.now();
  await files.finish(null, recorder.decisions.hash);
  await files.close();
  beside += performance.now() - closing;
  const { size } = await Deno.stat(join(files.folder, "events.jsonl.gz"));
  const replaying = performance.now();
  const { firstDifference } = await replaySession(await openSession(files.folder));
  if (firstDifference !== null) throw new Error("the bench's session does not replay");
  return {
    pathUs: path * 1000 / events,
    besideUs: beside * 1000 / events,
    bytes: size / events,
    replayUs: (performance.now() - replaying) * 1000 / events,
  };
}

const median = (values: readonly number[]): number =>
  Math.round([...values].sort((a, b) => a - b)[values.length >> 1]! * 100) / 100;

try {
  const without: Round[] = [];
  const withRecord: Round[] = [];
  for (let i = 0; i <= ROUNDS; i++) {
    const [a, b] = [await round(`a${i}`, false), await round(`b${i}`, true)];
    // The first round warms the compiler.
    if (i > 0) without.push(a), withRecord.push(b);
  }
  const figures = {
    events,
    rounds: ROUNDS,
    onThePathUs: {
      without: median(without.map((r) => r.pathUs)),
      with: median(withRecord.map((r) => r.pathUs)),
    },
    besideItUs: median(withRecord.map((r) => r.besideUs)),
    bytesPerEvent: median(withRecord.map((r) => r.bytes)),
    replayUs: median(withRecord.map((r) => r.replayUs)),
  };
  if (Deno.args.includes("--json")) console.log(JSON.stringify(figures));
  else {
    console.log(`${events} events, median of ${ROUNDS} rounds, microseconds an event`);
    console.log(`on the path, without a record  ${figures.onThePathUs.without}`);
    console.log(`on the path, with a record     ${figures.onThePathUs.with}`);
    console.log(`beside it                      ${figures.besideItUs}`);
    console.log(`replay with verification       ${figures.replayUs}`);
    console.log(`bytes an event on disk         ${figures.bytesPerEvent}`);
  }
} finally {
  await Deno.remove(root, { recursive: true });
}
