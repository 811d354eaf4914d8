import assert from "node:assert/strict";
import fc from "fast-check";
import { OperationError } from "../../../core/errors.ts";
import { bumped, feesFor, GWEI } from "../../../feeds/chain/fees.ts";
import { relayRefusal, revertCode, revertText, sendRefusal } from "../../../feeds/chain/words.ts";

const LIMITS = { cap: 500n * GWEI, minTip: 30n * GWEI };

Deno.test("fees stay below the cap and above what a node keeps; above the cap nothing is signed", () => {
  fc.assert(fc.property(fc.bigInt(0n, 470n * GWEI), fc.bigInt(0n, 900n * GWEI), (base, tip) => {
    const fees = feesFor(base, tip, LIMITS);
    assert.ok(fees.maxFee <= LIMITS.cap && fees.tip <= fees.maxFee && fees.tip >= LIMITS.minTip);
    assert.ok(fees.maxFee >= base + LIMITS.minTip);
  }));
  assert.throws(
    () => feesFor(471n * GWEI, 0n, LIMITS),
    (error) => error instanceof OperationError && error.code === "GAS_PRICE_HIGH" && error.exit === 3,
  );
});

Deno.test("a replacement pays a tenth more in both, below the cap; without room there is none", () => {
  fc.assert(
    fc.property(fc.bigInt(30n * GWEI, 500n * GWEI), fc.bigInt(30n * GWEI, 500n * GWEI), (a, b) => {
      const old = { maxFee: a > b ? a : b, tip: a > b ? b : a };
      const next = bumped(old, old, LIMITS);
      if (next === null) {
        return assert.ok(old.maxFee * 11n > LIMITS.cap * 10n || old.tip * 11n > LIMITS.cap * 10n);
      }
      assert.ok(next.maxFee <= LIMITS.cap && next.tip <= next.maxFee);
      assert.ok(next.maxFee * 10n >= old.maxFee * 11n && next.tip * 10n >= old.tip * 11n);
    }),
  );
});

Deno.test("words of nodes, contracts and the relayer", () => {
  assert.equal(sendRefusal("already known"), "known");
  assert.equal(sendRefusal("nonce too low: next nonce 5, tx nonce 4"), "nonce-used");
  assert.equal(sendRefusal("replacement transaction underpriced"), "underpriced");
  assert.equal(sendRefusal("insufficient funds for gas * price + value: balance 1"), "no-gas-money");
  assert.equal(sendRefusal("txpool is full"), "other");
  assert.equal(revertText(null, "execution reverted"), "execution reverted");
  const text = "0x08c379a0" + "20".padStart(64, "0") + "3".padStart(64, "0") + "6e6f21".padEnd(64, "0");
  assert.equal(revertText(text, ""), "no!");
  assert.equal(revertCode("OnlyUnpaused()"), "RAMP_PAUSED");
  assert.equal(revertCode("DestinationRefused(0x1)"), "DESTINATION_REFUSES");
  assert.equal(revertCode("ERC20InsufficientBalance"), "TX_WOULD_REVERT");
  assert.deepEqual(relayRefusal("batch nonce 3 does not match on-chain nonce 4"), {
    kind: "nonce",
    ours: 3n,
    theirs: 4n,
  });
  assert.equal(relayRefusal("wallet busy: 0x has an active action").kind, "busy");
  assert.equal(relayRefusal("call blocked: target").kind, "blocked");
  assert.equal(relayRefusal("batch deadline expired").kind, "expired");
});
