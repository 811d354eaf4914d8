import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom } from "../../../core/random.ts";
import { InvariantError } from "../../../core/errors.ts";
import type { OrderType } from "../../../core/events.ts";
import { ms, type Price, type Shares, type Usdc } from "../../../core/units.ts";
import { secret } from "../../../feeds/keys/secret.ts";
import { accountOf, openSigner } from "../../../feeds/polymarket/signing/account.ts";
import { orderBody } from "../../../feeds/polymarket/signing/body.ts";
import { type ExchangeDomain, exchangeOf } from "../../../feeds/polymarket/signing/contracts.ts";
import { Ladder } from "../../../feeds/polymarket/signing/ladder.ts";
import { l2Signer } from "../../../feeds/polymarket/signing/login.ts";
import {
  amountsOf,
  buildOrder,
  type OrderTerms,
  saltSource,
} from "../../../feeds/polymarket/signing/order.ts";
import { orderHash } from "../../../feeds/polymarket/signing/reference.ts";
import { walletsOf } from "../../../feeds/polymarket/signing/wallets.ts";
import { orderSigner } from "../../../fixtures/exchange/typed_data.ts";
import { readSubmission } from "../../../fixtures/exchange/wire_order.ts";
import { KEY, OWNER } from "./vectors.ts";

const TICK = 100 as Price;
const random = (into: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(into);
const account = accountOf({ key: OWNER, signatureType: "0" });
const domain = exchangeOf({ version: "v1", negRisk: false });
const signer = await openSigner({ account, key: secret(KEY), random });

const terms = (over: Partial<OrderTerms> = {}): OrderTerms => ({
  token: "1234",
  side: "buy",
  orderType: "GTC",
  limit: 5600 as Price,
  size: 5_000_000 as Shares,
  spend: 10_000_000 as Usdc,
  ...over,
});
const stamp = { salt: 7, timestampMs: ms(1_790_000_000_000) };

Deno.test("amounts follow side and type: the dossier's integer results", () => {
  const rows: [Partial<OrderTerms>, number, number][] = [
    [{}, 2_800_000, 5_000_000],
    [{ side: "sell" }, 5_000_000, 2_800_000],
    [{ limit: 3700 as Price, size: 12_340_000 as Shares }, 4_565_800, 12_340_000],
    [{ limit: 5000 as Price, size: 5_009_000 as Shares }, 2_500_000, 5_000_000],
    [{ orderType: "FAK" }, 10_000_000, 17_857_100],
    [{ orderType: "FOK", protectPrice: true }, 10_000_000, 17_857_200],
    [
      { orderType: "FOK", side: "sell", limit: 5700 as Price, size: 21_040_000 as Shares },
      21_040_000,
      11_992_800,
    ],
  ];
  for (const [over, makerAmount, takerAmount] of rows) {
    assert.deepEqual(amountsOf(terms(over), TICK), { makerAmount, takerAmount }, JSON.stringify(over));
  }
});

Deno.test("a price off the tick, amounts that round to nothing and unsafe stamps are ORDER_INVALID", () => {
  const bad: Partial<OrderTerms>[] = [
    { limit: 5650 as Price },
    { limit: 0 as Price },
    { limit: 10_000 as Price },
    { limit: NaN as Price },
    { size: 9_999 as Shares },
    { orderType: "FAK", spend: 9_999 as Usdc },
    { size: NaN as Shares },
  ];
  for (const over of bad) {
    assert.throws(() => amountsOf(terms(over), TICK), { code: "ORDER_INVALID" }, JSON.stringify(over));
  }
  for (const salt of [-1, 1.5, 2 ** 53, NaN]) {
    assert.throws(() => buildOrder(terms(), TICK, account, { ...stamp, salt }), { code: "ORDER_INVALID" });
  }
});

Deno.test("a market of unknown version is not signed for: exit 3", () => {
  assert.throws(() => exchangeOf({ version: "unknown", negRisk: false }), {
    code: "ORDER_VERSION_UNKNOWN",
    exit: 3,
  });
});

Deno.test("salts are whole, below 2^53, use all their bits and do not repeat", () => {
  const salt = saltSource(random);
  const salts = Array.from({ length: 2000 }, salt);
  assert.ok(salts.every((value) => Number.isSafeInteger(value) && value >= 0));
  assert.equal(new Set(salts).size, salts.length);
  assert.ok(Math.max(...salts) > 2 ** 52 && salts.some((value) => value % 2 === 1));
  const rng = seededRandom(1);
  const fill = (into: Uint8Array) => void into.forEach((_, i) => (into[i] = Math.floor(rng() * 256)));
  assert.notEqual(saltSource(fill)(), saltSource(fill)());
});

Deno.test("the body is what the venue reads back: same fields, same signer, any type, any market", async () => {
  const types = await Promise.all(
    ["0", "1", "2", "3"].map(async (signatureType) => {
      const of = accountOf({ key: OWNER, signatureType });
      return await openSigner({ account: of, key: secret(KEY), random });
    }),
  );
  const salt = saltSource(random);
  fc.assert(
    fc.property(
      fc.constantFrom(...types),
      fc.constantFrom<OrderType>("GTC", "GTD", "FOK", "FAK"),
      fc.constantFrom<"buy" | "sell">("buy", "sell"),
      fc.integer({ min: 1, max: 99 }),
      fc.integer({ min: 5, max: 50_000 }),
      fc.constantFrom<"v1" | "v2">("v1", "v2"),
      (by, orderType, side, cents, shares, version) => {
        const exchange = exchangeOf({ version, negRisk: false });
        const wanted = terms({
          orderType,
          side,
          limit: cents * 100 as Price,
          size: shares * 1_000_000 as Shares,
          spend: shares * 1_000_000 as Usdc,
        });
        const built = buildOrder(wanted, TICK, by.account, { ...stamp, salt: salt() });
        const signed = by.sign(built, exchange);
        assert.equal(signed.hash, orderHash(built, exchange));
        const text = orderBody(signed, {
          owner: 'an "odd" owner',
          orderType,
          ...(orderType === "GTD" ? { expirationS: 1_790_000_300 } : {}),
          ...(orderType === "GTC" ? { postOnly: true } : {}),
        });
        assert.equal(JSON.stringify(JSON.parse(text)), text, "compact JSON");
        const read = readSubmission(JSON.parse(text));
        assert.ok(typeof read !== "string", String(read));
        assert.equal(read.postOnly, orderType === "GTC");
        assert.equal(orderSigner(read.fields, read.signature, exchange as ExchangeDomain)?.address, OWNER);
      },
    ),
    { numRuns: 80 },
  );
});

Deno.test("options of a body that contradict each other are ORDER_INVALID", () => {
  const signed = signer.sign(buildOrder(terms(), TICK, account, stamp), domain);
  const bad = [
    { orderType: "GTD" },
    { orderType: "GTC", expirationS: 5 },
    { orderType: "GTD", expirationS: 1.5 },
    { orderType: "FAK", postOnly: true },
  ] as const;
  for (const options of bad) {
    assert.throws(() => orderBody(signed, { owner: "o", ...options }), { code: "ORDER_INVALID" });
  }
});

Deno.test("accounts: type 3 and its current wallet by default; a wallet that is not the key's is refused", () => {
  const wallets = walletsOf(OWNER);
  assert.deepEqual(accountOf({ key: OWNER.toLowerCase() }), {
    key: OWNER,
    funder: wallets.deposit,
    signatureType: 3,
    session: false,
  });
  assert.equal(
    accountOf({ key: OWNER, funder: wallets.depositOld.toLowerCase() }).funder,
    wallets.depositOld,
  );
  assert.equal(accountOf({ key: OWNER, signatureType: "1" }).funder, wallets.proxy);
  assert.equal(accountOf({ key: OWNER, signatureType: "2" }).funder, wallets.safe);
  const session = { key: OWNER, funder: wallets.safe, signatureType: "3", session: true };
  assert.equal(accountOf(session).funder, wallets.safe);
  const bad = [
    { key: OWNER, signatureType: "4" },
    { key: OWNER, signatureType: "" },
    { key: OWNER, signatureType: "0", funder: wallets.proxy },
    { key: OWNER, signatureType: "1", funder: wallets.safe },
    { key: OWNER, signatureType: "3", funder: wallets.eoa },
    { key: OWNER, funder: "0x12" },
    { key: OWNER, session: true },
    { ...session, signatureType: "2" },
  ];
  for (const choice of bad) {
    assert.throws(() => accountOf(choice), { code: "ACCOUNT_MISMATCH", exit: 2 }, JSON.stringify(choice));
  }
});

Deno.test("a signer wants its own key and its own orders, and signs nothing once closed", async () => {
  const other = `0x${"42".repeat(32)}`;
  await assert.rejects(openSigner({ account, key: secret(other), random }), { code: "ACCOUNT_MISMATCH" });
  const own = await openSigner({ account, key: secret(KEY), random });
  const fields = buildOrder(terms(), TICK, account, stamp);
  for (const alien of [{ maker: walletsOf(OWNER).safe }, { signatureType: 1 as const }, { salt: 1.5 }]) {
    assert.throws(() => own.sign({ ...fields, ...alien }, domain), InvariantError);
  }
  assert.ok(!Deno.inspect(own, { depth: 9, showHidden: true }).includes(KEY.slice(2, 20)));
  own.close();
  assert.throws(() => own.sign(fields, domain), InvariantError);
  assert.throws(() => own.signDigest(new Uint8Array(32)), InvariantError);
});

const SECOND = 1_000;

function ladderAt(prices: readonly number[]) {
  const time = { now: stamp.timestampMs };
  const ladder = new Ladder({ signer, salt: saltSource(random), now: () => time.now, maxAgeMs: 60 * SECOND });
  for (const limit of prices) assert.ok(ladder.sign(terms({ limit: limit as Price }), TICK, domain));
  return { ladder, time };
}

Deno.test("a ladder gives each signed order once, under its price, valid and of its own id", () => {
  const { ladder } = ladderAt([5500, 5600, 5700]);
  const ids = [5500, 5600, 5700].map((limit) => {
    const order = ladder.take(terms({ limit: limit as Price }), TICK, domain);
    assert.ok(order);
    assert.equal(order.fields.makerAmount, limit * 500);
    assert.equal(orderHash(order.fields, domain), order.hash);
    assert.equal(ladder.take(terms({ limit: limit as Price }), TICK, domain), null, "only once");
    return order.hash;
  });
  assert.equal(new Set(ids).size, 3);
  assert.equal(ladder.size, 0);
});

Deno.test("an order signed ahead is of exactly its terms: another price, amount, tick, token, side or exchange takes nothing", () => {
  const { ladder } = ladderAt([5500, 5600]);
  const others = [
    { limit: 5800 as Price },
    { token: "5" },
    { side: "sell" as const },
    { orderType: "GTD" as const },
    { size: 6_000_000 as Shares },
    { spend: 1 as Usdc },
    { protectPrice: true },
  ];
  for (const over of others) assert.equal(ladder.take(terms(over), TICK, domain), null);
  assert.equal(ladder.take(terms(), 10 as Price, domain), null);
  for (const market of [{ version: "v2", negRisk: false }, { version: "v1", negRisk: true }] as const) {
    assert.equal(ladder.take(terms(), TICK, exchangeOf(market)), null, "of another exchange");
  }
  assert.equal(ladder.size, 2);
  assert.ok(ladder.sign(terms({ size: 6_000_000 as Shares }), TICK, domain));
  assert.equal(ladder.size, 3, "two amounts at one price beside each other");
  ladder.drop("5");
  assert.equal(ladder.size, 3);
  ladder.drop(terms().token);
  assert.equal(ladder.size, 0);
});

Deno.test("what is signed is not signed again until half of its time is over, and not used after it", () => {
  const { ladder, time } = ladderAt([5500]);
  const at = terms({ limit: 5500 as Price });
  const pass = (seconds: number) => time.now = time.now + seconds * SECOND as typeof time.now;
  pass(30);
  assert.equal(ladder.sign(at, TICK, domain), false);
  pass(1);
  assert.equal(ladder.sign(at, TICK, domain), true);
  pass(60);
  assert.equal(ladder.take(at, TICK, domain)?.fields.timestamp, time.now - 60 * SECOND);
  assert.ok(ladder.sign(at, TICK, domain));
  pass(61);
  assert.equal(ladder.take(at, TICK, domain), null);
  assert.equal(ladder.size, 0);
  assert.ok(ladder.sign(at, TICK, domain));
  pass(-1);
  assert.equal(ladder.take(at, TICK, domain), null, "the clock stepped back");
});

Deno.test("a ladder holds so many orders, the longest signed goes first", () => {
  const ladder = new Ladder({ signer, salt: saltSource(random), now: () => stamp.timestampMs, maxRungs: 2 });
  for (const limit of [5500, 5600, 5700]) ladder.sign(terms({ limit: limit as Price }), TICK, domain);
  assert.equal(ladder.size, 2);
  assert.equal(ladder.take(terms({ limit: 5500 as Price }), TICK, domain), null);
  assert.ok(ladder.take(terms({ limit: 5700 as Price }), TICK, domain));
});

Deno.test("an API secret that is no base64 is refused without being quoted; URL-safe text is accepted", () => {
  const of = (text: string) =>
    l2Signer(OWNER, { apiKey: secret("k"), secret: secret(text), passphrase: secret("p") });
  for (const text of ["", "not base64!", "====", "a b"]) {
    assert.throws(() => of(text), (error: unknown) => {
      assert.ok(
        error instanceof Error && "code" in error && error.code === "API_SECRET_INVALID",
        String(error),
      );
      return text.length < 5 || !Deno.inspect(error).includes(text);
    });
  }
  const request = { method: "GET", path: "/data/orders", body: "", timestampS: 5 } as const;
  assert.equal(of("-_-_AAAA").signature(request), of("+/+/AAAA").signature(request));
  assert.deepEqual(Object.keys(of("AAAA").headers(request)), [
    "POLY_ADDRESS",
    "POLY_SIGNATURE",
    "POLY_TIMESTAMP",
    "POLY_API_KEY",
    "POLY_PASSPHRASE",
  ]);
});
