/**
 * The fast path, ethers and the official client give the same bytes. 300 random orders here; `deno task check:signing`
 * sets POLY_EDGE_SIGNING_ORDERS to 10000.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom } from "../../../core/random.ts";
import { Secret } from "../../../feeds/keys/secret.ts";
import { exchangeOf } from "../../../feeds/polymarket/signing/contracts.ts";
import { openCurve } from "../../../feeds/polymarket/signing/curve.ts";
import type { OrderFields, SignatureType } from "../../../feeds/polymarket/signing/order.ts";
import { orderHash, signOrderReference } from "../../../feeds/polymarket/signing/reference.ts";
import { drawOrder, officialOrder, type Trader, traderOf } from "./official_orders.ts";

const ORDERS = Number(Deno.env.get("POLY_EDGE_SIGNING_ORDERS") ?? 300);
const KEYS = [
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
  "0x0000000000000000000000000000000000000000000000000000000000000001",
  // The order of the curve minus one: the largest key.
  "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
];
const TYPES: readonly SignatureType[] = [0, 1, 2, 3];
const curve = await openCurve(new Secret(crypto.getRandomValues(new Uint8Array(32))));
const traders: readonly Trader[] = KEYS.flatMap((key) => TYPES.map((type) => traderOf(key, type, curve)));

Deno.test(`${ORDERS} random orders: fast path, ethers and the official client sign the same bytes`, async () => {
  const random = seededRandom(20_261_121);
  const seen = new Set<string>();
  for (let i = 0; i < ORDERS; i++) {
    const trader = traders[i % traders.length] as Trader;
    const kind = random() < 0.5 ? "viem" : "ethers";
    const official = await officialOrder(trader.builders[kind], drawOrder(random));
    const { fields, domain } = official;
    const fast = trader.fast.sign(fields, domain);
    assert.equal(fast.signature, official.signature, `${kind}: ${JSON.stringify(fields)}`);
    assert.deepEqual(fast, signOrderReference(fields, domain, trader.key));
    seen.add(fast.hash);
  }
  assert.equal(seen.size, ORDERS, "every order has its own id");
});

const word = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => `0x${bytes.toHex()}`);
const uint53 = fc.maxSafeNat();

Deno.test("any fields at all: the fast path is ethers, and a changed field changes the hash", () => {
  const fields = fc.record({
    salt: uint53,
    tokenId: fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }).map(String),
    makerAmount: uint53,
    takerAmount: uint53,
    side: fc.constantFrom("buy" as const, "sell" as const),
    timestamp: uint53,
    metadata: word,
    builder: word,
  });
  const domains = [
    exchangeOf({ version: "v1", negRisk: false }),
    exchangeOf({ version: "v1", negRisk: true }),
    exchangeOf({ version: "v2", negRisk: false }),
  ];
  fc.assert(
    fc.property(
      fields,
      fc.constantFrom(...traders),
      fc.constantFrom(...domains),
      (free, { fast, key }, domain) => {
        const { account } = fast;
        const signer = account.signatureType === 3 ? account.funder : account.key;
        const order: OrderFields = {
          ...free,
          maker: account.funder,
          signer,
          signatureType: account.signatureType,
        };
        assert.deepEqual(fast.sign(order, domain), signOrderReference(order, domain, key));
        assert.equal(fast.hash(order, domain), orderHash(order, domain));
        const other = { ...order, salt: order.salt === 0 ? 1 : order.salt - 1 };
        assert.notEqual(fast.hash(other, domain), fast.hash(order, domain));
      },
    ),
    { numRuns: 60 },
  );
});
