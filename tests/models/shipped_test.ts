import assert from "node:assert/strict";
import { proofMarket, proofSettings } from "../../commands/training/proof.ts";
import { judgeOn } from "../../commands/training/rows.ts";
import { syntheticChapter } from "../../commands/training/synthetic.ts";
import { openModelFile } from "../../models/file/open.ts";

const file = () => Deno.readFile(new URL("../../models/shipped/lag15.onnx", import.meta.url));

Deno.test("the shipped policy opens, names the command that made it, and claims no edge", async () => {
  const { card } = await openModelFile(await file());
  assert.equal(
    card.provenance.source,
    "poly-edge train --asset btc --duration 5m --lag 15000ms --signal 0 --hours 4 --steps 102400 --rows 8 " +
      "--every 1000ms --reward equity --observation edge --network small --seed 1",
  );
  assert.equal(card.walkForward?.edgeProven, false);
  const text = await Deno.readTextFile(new URL("../../models/shipped/README.md", import.meta.url));
  assert.ok(text.includes(card.provenance.source), "its card in words names the same command");
});

Deno.test("the shipped policy earns where the books are 15 s late, on markets of another seed", async () => {
  const { policy } = await openModelFile(await file());
  const market = { ...proofMarket(15_000, 4_242), hours: 1 };
  const windows = judgeOn(
    proofSettings(market, 1, 1),
    [],
    [syntheticChapter(market, "judge", 0, 0)],
    () => policy(),
  );
  assert.equal(windows.length, 12);
  assert.ok(windows.reduce((sum, { pnl }) => sum + pnl, 0) > 0);
});
