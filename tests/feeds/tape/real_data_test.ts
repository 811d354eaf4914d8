/** Over real recordings, where they are present: a folder named by POLY_EDGE_DATA_DIR, or ../shared/data beside the repository. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MarketEvent } from "../../../core/events.ts";
import type { Instrument } from "../../../core/market/instrument.ts";
import type { Manifest } from "../../../feeds/tape/format.ts";
import { importFound, surveyPath } from "../../../feeds/tape/import.ts";
import { bestAsk, bestBid } from "../../../feeds/tape/importers/quotes.ts";
import { findReferences } from "../../../feeds/tape/importers/references.ts";
import { openTape } from "../../../feeds/tape/reader.ts";
import { verifyTape } from "../../../feeds/tape/verify.ts";
import { withFolder } from "./recordings.ts";

const DATA = Deno.env.get("POLY_EDGE_DATA_DIR") ??
  fileURLToPath(new URL("../../../../shared/data", import.meta.url));

async function isPresent(): Promise<boolean> {
  return await Deno.stat(DATA).then((s) => s.isDirectory, () => false);
}

/** What a reader of the tape sees, gathered in one pass. */
class Witness {
  readonly #byToken = new Map<string, { readonly instrument: Instrument; readonly isUp: boolean }>();
  readonly middleUpMid = new Map<string, number>();
  readonly resolved = new Map<string, "up" | "down">();
  last = -Infinity;
  books = 0;
  faults: string[] = [];

  see(event: MarketEvent): void {
    if (event.tReceive < this.last) this.faults.push(`time falls at ${event.tReceive}`);
    this.last = event.tReceive;
    if (event.type === "window") {
      const { instrument } = event;
      this.#byToken.set(instrument.upToken, { instrument, isUp: true });
      this.#byToken.set(instrument.downToken, { instrument, isUp: false });
    } else if (event.type === "fastBar" && event.tReceive < event.closeMs) {
      this.faults.push(`candle of ${event.closeMs} known at ${event.tReceive}`);
    } else if (event.type === "resolved") this.resolved.set(event.conditionId, event.winner);
    else if (event.type === "book") this.#seeBook(event);
  }

  #seeBook(event: Extract<MarketEvent, { type: "book" }>): void {
    this.books++;
    const known = this.#byToken.get(event.token);
    if (known === undefined) {
      return void this.faults.push(`book of an unannounced token at ${event.tReceive}`);
    }
    const bid = bestBid(event.bids);
    const ask = bestAsk(event.asks);
    if (bid >= 0 && ask >= 0 && bid >= ask) this.faults.push(`crossed book at ${event.tReceive}`);
    const { instrument, isUp } = known;
    if (bid < 0 || ask < 0 || event.tReceive > (instrument.startMs + instrument.endMs) / 2) return;
    const mid = (bid + ask) / 20_000;
    this.middleUpMid.set(instrument.conditionId, isUp ? mid : 1 - mid);
  }

  /** Brier score of the Up mid in the middle of the windows; chance is 0.25. */
  brier(): { score: number; n: number } {
    let sum = 0;
    let n = 0;
    for (const [conditionId, winner] of this.resolved) {
      const mid = this.middleUpMid.get(conditionId);
      if (mid === undefined) continue;
      sum += (mid - (winner === "up" ? 1 : 0)) ** 2;
      n++;
    }
    return { score: n === 0 ? 0 : sum / n, n };
  }
}

async function checkTape(path: string, manifest: Manifest): Promise<string> {
  const verified = await verifyTape(path);
  assert.equal(verified.firstDamage, null);
  assert.equal(verified.unrecognised, 0);
  const witness = new Witness();
  const tape = await openTape(path);
  for await (const batch of tape.events()) for (const event of batch) witness.see(event);
  assert.deepEqual(witness.faults.slice(0, 3), []);
  assert.equal(witness.books, manifest.counts["book"] ?? 0);
  const { score, n } = witness.brier();
  // Orientation, time and outcome are right together, or the market would predict no better than a coin.
  if (n >= 20) assert.ok(score < 0.22, `Brier ${score} over ${n} windows`);
  return `${manifest.layout}: ${manifest.windows.length} windows, ${witness.resolved.size} resolved, ` +
    `${manifest.events} events, Brier ${score.toFixed(3)} (n ${n})`;
}

Deno.test("real recordings import whole, in order, without look-ahead, and agree with their outcomes", async () => {
  if (!await isPresent()) {
    console.log(`SKIPPED real recordings: no folder ${DATA} (set POLY_EDGE_DATA_DIR)`);
    return;
  }
  await withFolder(async (root) => {
    const references = await findReferences([DATA]);
    const contents = await surveyPath(DATA);
    const recordings = contents.flatMap((c) => c.recordings);
    assert.ok(recordings.length > 0);
    assert.deepEqual(contents.flatMap((c) => c.unknown.map((f) => f.path)), []);
    for (const [index, found] of recordings.entries()) {
      const out = join(root, String(index));
      const { manifest, rows } = await importFound(found, { out, references });
      assert.ok(
        manifest.unrecognised <= rows / 1000,
        `${manifest.unrecognised} of ${rows} rows unrecognised`,
      );
      console.log(await checkTape(out, manifest));
    }
  });
});
