import assert from "node:assert/strict";
import {
  bytesText,
  countText,
  facts,
  moneyText,
  openProgress,
  paint,
  percentText,
  signedMoneyText,
  spanText,
  table,
} from "../../commands/output.ts";

Deno.test("table() aligns columns, without borders, trailing spaces or colour", () => {
  const text = table({ head: ["name", "n"], rows: [["a", 5], ["longer", 1234]], align: ["left", "right"] });
  assert.equal(text, "name       n\na          5\nlonger  1234");
});

Deno.test("facts() aligns names", () => assert.equal(facts([["a", 1], ["long", "x"]]), "a     1\nlong  x"));

Deno.test("paint() colours only when asked", () => {
  assert.equal(paint(false).red("x"), "x");
  assert.equal(paint(true).red("x"), "\x1b[31mx\x1b[39m");
});

Deno.test("money for people: thousands marks, two digits, four below a cent, a sign for gains", () => {
  assert.equal(moneyText(0), "0.00");
  assert.equal(moneyText(1_234_500_000), "1,234.50");
  assert.equal(moneyText(-1_234_567_890_000), "-1,234,567.89");
  assert.equal(moneyText(1_200), "0.0012");
  assert.equal(moneyText(-300), "-0.0003");
  assert.equal(signedMoneyText(2_500_000), "+2.50");
  assert.equal(signedMoneyText(-2_500_000), "-2.50");
  assert.equal(signedMoneyText(0), "0.00");
});

Deno.test("spans, bytes, counts and percentages for people", () => {
  assert.deepEqual([250, 12_500, 303_000, 7_500_000, NaN].map(spanText), [
    "250 ms",
    "12.5 s",
    "5 m 03 s",
    "2 h 05 m",
    "-",
  ]);
  assert.deepEqual([512, 3_400_000].map(bytesText), ["512 B", "3.4 MB"]);
  assert.equal(countText(1_234_567), "1,234,567");
  assert.deepEqual([percentText(0.1234), percentText(NaN)], ["12.3 %", "-"]);
});

Deno.test("progress writes nothing when quiet, and nothing within the first seconds elsewhere", () => {
  let written = "";
  const stderr = { isTerminal: false, write: (text: string) => void (written += text) };
  for (const quiet of [true, false]) {
    const progress = openProgress("working", { quiet, stderr });
    for (let i = 0; i < 100; i++) progress.update(i, 100, "");
    progress.stop();
  }
  assert.equal(written, "");
});
