import assert from "node:assert/strict";
import fc from "fast-check";
import {
  parseAssets,
  parseCount,
  parseMoney,
  parseNumber,
  parseSpan,
  parseWindows,
} from "../../commands/parse.ts";
import { OperationError } from "../../core/errors.ts";
import { formatUsdc, usdc } from "../../core/units.ts";

function refused(run: () => unknown, option: string): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof OperationError);
    assert.equal(error.code, "USAGE");
    assert.equal(error.exit, 2);
    assert.ok(error.message.includes(option) && (error.hint ?? "").includes(option));
    return true;
  });
}

Deno.test("durations are 250ms, 30s, 5m, 1h, 1.5h, 2d", () => {
  const known: [string, number][] = [
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["1.5h", 5_400_000],
    ["2d", 172_800_000],
    [" 5m ", 300_000],
  ];
  for (const [text, expected] of known) assert.equal(parseSpan(text, "--for"), expected, text);
  for (const text of ["", "5", "m", "-5m", "5 m", "5m30s", "0s", "1e3s", "5M", "0.1ms"]) {
    refused(() => parseSpan(text, "--for"), "--for");
  }
});

Deno.test("money is exact: every amount of millionths survives the way through text", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (amount) => {
    assert.equal(parseMoney(formatUsdc(usdc(amount)), "--size"), amount);
  }));
  assert.equal(parseMoney("12.5", "--size"), 12_500_000);
  for (const text of ["", "-1", "1e3", "12,5", "0.0000001", "NaN", "$5"]) {
    refused(() => parseMoney(text, "--size"), "--size");
  }
});

Deno.test("lists keep the house order, drop repeats, refuse strangers", () => {
  assert.deepEqual(parseAssets("eth,btc,eth"), ["btc", "eth"]);
  assert.deepEqual(parseAssets(" BTC , xrp "), ["btc", "xrp"]);
  assert.deepEqual(parseWindows("15m,5m"), ["5m", "15m"]);
  for (const text of ["", ",", "doge", "btc,doge"]) refused(() => parseAssets(text), "--asset");
  refused(() => parseWindows("7m"), "--duration");
});

Deno.test("counts and numbers keep to their range", () => {
  assert.equal(parseCount("3", "--next", 0, 10), 3);
  for (const text of ["", "3.5", "-1", "11", "1e1", "0x3"]) {
    refused(() => parseCount(text, "--next", 0, 10), "--next");
  }
  assert.equal(parseNumber("1e-3", "--fraction", 0, 1), 0.001);
  for (const text of ["", "2", "-0.1", "NaN", "Infinity", "1,5"]) {
    refused(() => parseNumber(text, "--fraction", 0, 1), "--fraction");
  }
});
