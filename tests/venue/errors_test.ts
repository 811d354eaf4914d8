/** Each refusal of the venue in its own words and with its own status (dossier 3.5). */
import assert from "node:assert/strict";
import {
  domainOf,
  EXCHANGE_V2,
  type ExchangeDomain,
  NEG_RISK_EXCHANGE_V2,
} from "../../fixtures/exchange/contracts.ts";
import { type Loose } from "../fixtures/venue_client.ts";
import { bodyOf, call, type Creds, type Envelope, ownerOf, type RawOrder, signOrder } from "./raw.ts";
import { type Floor, type Market, withFloor } from "./stage.ts";

interface Context {
  readonly floor: Floor;
  readonly market: Market;
  readonly creds: readonly Creds[];
  readonly ask: number;
  readonly bid: number;
}

interface Case {
  readonly name: string;
  readonly status: number;
  /** The exact text; `{id}` is the order's hash. */
  readonly error: string | RegExp;
  readonly order?: (context: Context) => Partial<RawOrder>;
  readonly envelope?: (context: Context) => Partial<Envelope>;
  readonly mangle?: (body: ReturnType<typeof bodyOf>) => unknown;
  readonly before?: (context: Context) => Promise<unknown>;
}

const NEG_RISK: ExchangeDomain = { ...domainOf("v1"), verifyingContract: NEG_RISK_EXCHANGE_V2 };
/** Shares of a cheap order that rests: 0.05 x shares. */
const cheap = (shares: number) => ({ maker: String(shares * 50_000), taker: String(shares * 1_000_000) });
const micro = (value: number): string => String(Math.round(value * 1e6));

const CASES: readonly Case[] = [
  {
    name: "a body without order",
    status: 400,
    error: "Invalid order payload",
    mangle: ({ order: _, ...rest }) => rest,
  },
  {
    name: "a salt beyond 2^53",
    status: 400,
    error: "Invalid order payload",
    mangle: (body) => ({ ...body, order: { ...body.order, salt: 2 ** 60 } }),
  },
  {
    name: "amounts that are numbers",
    status: 400,
    error: "Invalid order payload",
    mangle: (body) => ({ ...body, order: { ...body.order, makerAmount: 5 } }),
  },
  {
    name: "an order type that does not exist",
    status: 400,
    error: "Invalid order payload",
    envelope: () => ({ orderType: "IOC" }),
  },
  {
    name: "post-only with FOK",
    status: 400,
    error: "Invalid order payload",
    envelope: () => ({ orderType: "FOK", postOnly: true }),
  },
  {
    name: "a V1-signed order",
    status: 400,
    error: "order_version_mismatch",
    mangle: (body) => {
      const { timestamp: _, metadata: __, builder: ___, ...order } = body.order;
      return { ...body, order: { ...order, nonce: "0", feeRateBps: "0", taker: ownerOf(1) } };
    },
  },
  {
    name: "an order signed for Exchange V3 on a v1 market",
    status: 400,
    error: "order_version_mismatch",
    order: () => ({ domain: domainOf("v2") }),
  },
  {
    name: "the neg-risk exchange",
    status: 400,
    error: "invalid signature",
    order: () => ({ domain: NEG_RISK }),
  },
  {
    name: "a changed amount",
    status: 400,
    error: "invalid signature",
    mangle: (body) => ({ ...body, order: { ...body.order, takerAmount: "21000000" } }),
  },
  {
    name: "a type-3 order with a plain signature",
    status: 400,
    error: "invalid signature",
    order: () => ({ key: 3 }),
    mangle: (body) => ({
      ...body,
      order: { ...body.order, signature: String(body.order.signature).slice(0, 132) },
    }),
  },
  {
    name: "another key as owner",
    status: 400,
    error: "the order owner has to be the owner of the API KEY",
    envelope: ({ creds }) => ({ owner: creds[1]!.key }),
  },
  {
    name: "a signer that is not the API key's address",
    status: 400,
    error: "the order signer address has to be the address of the API KEY",
    order: () => ({ key: 1 }),
    mangle: (body) => body,
    envelope: ({ creds }) => ({ owner: creds[0]!.key }),
  },
  {
    name: "a deposit wallet that the venue does not know",
    status: 400,
    error: "the order signer address has to be the address of the API KEY",
    order: () => ({ key: 0, type: 3 }),
  },
  {
    name: "the wrong signature type",
    status: 400,
    error: "maker address not allowed, please use the deposit wallet flow",
    order: () => ({ key: 0, type: 2 }),
  },
  {
    name: "a plain key that is not on the venue's list",
    status: 400,
    error: "maker address not allowed, please use the deposit wallet flow",
    before: ({ floor }) => floor.control({ action: "account", account: 0, listed: false }),
  },
  {
    name: "a banned account",
    status: 400,
    error: `'${ownerOf(0)}' address banned`,
    before: ({ floor }) => floor.control({ action: "account", account: 0, banned: true }),
  },
  {
    name: "a purchase in closed-only mode",
    status: 400,
    error: `'${ownerOf(0)}' address in closed only mode`,
    before: ({ floor }) => floor.control({ action: "account", account: 0, closedOnly: true }),
  },
  {
    name: "a price off the grid",
    status: 400,
    error: "order {id} is invalid. Price (0.055) breaks minimum tick size rule: 0.01",
    order: () => ({ maker: "1100000", taker: "20000000" }),
  },
  {
    name: "a price with float noise",
    status: 400,
    error: /^order 0x[0-9a-f]{64} is invalid\. Price \(0\.0500000\d+\) breaks minimum tick size rule: 0\.01$/,
    order: () => ({ maker: "1000001", taker: "20000000" }),
  },
  {
    name: "a price of one",
    status: 400,
    error: "order {id} is invalid. Price (1) breaks minimum tick size rule: 0.01",
    order: () => ({ maker: "20000000", taker: "20000000" }),
  },
  {
    name: "fewer than five shares",
    status: 400,
    error: "order {id} is invalid. Size (4.99) lower than the minimum: 5",
    order: () => ({ maker: "249500", taker: "4990000" }),
  },
  {
    name: "a limit order with three decimals of shares",
    status: 400,
    error: "invalid amounts, the buy orders maker amount supports a max accuracy of 4 decimals, " +
      "taker amount a max of 2 decimals",
    order: () => ({ maker: "1000050", taker: "20001000" }),
  },
  {
    name: "a market order that spends tenths of a cent",
    status: 400,
    error: "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals, " +
      "taker amount a max of 4 decimals",
    order: () => ({ maker: "10001000", taker: "20002000" }),
    envelope: () => ({ orderType: "FOK" }),
  },
  {
    name: "a market order with five decimals of shares",
    status: 400,
    error: "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals, " +
      "taker amount a max of 4 decimals",
    order: () => ({ maker: "10000000", taker: "17857140" }),
    envelope: () => ({ orderType: "FAK" }),
  },
  {
    name: "a marketable purchase below a dollar",
    status: 400,
    error: "invalid amount for a marketable BUY order ($0.63), min size: $1",
    order: () => ({ maker: "630000", taker: "700000" }),
    envelope: () => ({ orderType: "FAK" }),
  },
  {
    name: "more than there is",
    status: 400,
    error: "not enough balance / allowance: the balance is not enough -> balance: 10000000000, " +
      "order amount: 10000050000",
    order: () => cheap(200_001),
  },
  {
    name: "a market order that leaves nothing for the fee",
    status: 400,
    error:
      /^not enough balance \/ allowance: the balance is not enough -> balance: 10000000000, order amount: 10\d{9}$/,
    order: ({ ask }) => ({
      maker: "10000000000",
      taker: String(Math.floor(10_000 / Math.min(0.99, ask + 0.3) * 1e4) * 100),
    }),
    envelope: () => ({ orderType: "FAK" }),
  },
  {
    name: "shares that it does not have",
    status: 400,
    error: "not enough balance / allowance: the balance is not enough -> balance: 0, order amount: 5000000",
    order: () => ({ side: "SELL", maker: "5000000", taker: "4750000" }),
  },
  {
    name: "no allowance",
    status: 400,
    error: `not enough balance / allowance: the allowance is not enough -> spender: ${EXCHANGE_V2}, ` +
      "allowance: 0, order amount: 1000000",
    before: async ({ floor }) => {
      await floor.post("/sim/accounts", { owner: ownerOf(0), signatureType: 2, pusd: "50", approved: false });
    },
    order: () => ({ key: 0, type: 2 }),
  },
  {
    name: "an expiration on a GTC order",
    status: 400,
    error: "invalid expiration",
    envelope: ({ floor }) => ({ expiration: String(Math.floor(floor.now() / 1_000) + 600) }),
  },
  {
    name: "a GTD order of less than three minutes",
    status: 400,
    error: "invalid expiration",
    envelope: ({ floor }) => ({
      orderType: "GTD",
      expiration: String(Math.floor(floor.now() / 1_000) + 179),
    }),
  },
  {
    name: "a post-only order that crosses",
    status: 400,
    error: "invalid post-only order: order crosses book",
    order: ({ ask }) => ({ maker: micro(ask * 20), taker: "20000000" }),
    envelope: () => ({ postOnly: true }),
  },
  {
    name: "a FOK order that is too large",
    status: 400,
    error: "order couldn't be fully filled. FOK orders are fully filled or killed.",
    order: ({ ask }) => ({ maker: "9000000000", taker: String(Math.floor(9e9 / ask / 100) * 100) }),
    envelope: () => ({ orderType: "FOK" }),
  },
  {
    name: "a FAK order that meets nobody",
    status: 400,
    error:
      "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
    envelope: () => ({ orderType: "FAK" }),
  },
  {
    name: "a token that does not exist",
    status: 404,
    error: "No orderbook exists for the requested token id",
    order: () => ({ token: "1234" }),
  },
  {
    name: "a window that is over",
    status: 400,
    error: "the market is not yet ready to process new orders",
    before: ({ floor, market }) => Promise.resolve(floor.advance(market.endMs - floor.now())),
  },
  {
    name: "a window that has resolved",
    status: 404,
    error: "No orderbook exists for the requested token id",
    before: ({ floor, market }) => Promise.resolve(floor.advance(market.endMs + 100_000 - floor.now())),
  },
  {
    name: "whatever the control endpoint orders",
    status: 400,
    error: "order canceled in the CTF exchange contract",
    before: ({ floor }) =>
      floor.control({ action: "order-error", message: "order canceled in the CTF exchange contract" }),
  },
];

async function contextOf(floor: Floor): Promise<Context> {
  const creds: Creds[] = [];
  for (const key of [0, 1, 2, 3] as const) creds.push((await floor.client(key)).creds!);
  const market = await floor.market();
  const { ask, bid } = await floor.book(market.up);
  return { floor, market, creds, ask, bid };
}

for (const row of CASES) {
  Deno.test(`refused: ${row.name}`, async () => {
    await withFloor({}, async (floor) => {
      const context = await contextOf(floor);
      const raw: RawOrder = { token: context.market.up, ...cheap(20), ...row.order?.(context) };
      const signed = signOrder(raw);
      await row.before?.(context);
      const key = row.name.startsWith("a signer that") ? 0 : raw.key ?? 0;
      const creds = context.creds[key]!;
      const body = bodyOf(signed, { owner: creds.key, ...row.envelope?.(context) });
      const answer = await floor.run(call({
        http: floor.http,
        key,
        creds,
        method: "POST",
        path: "/order",
        body: row.mangle?.(body) ?? body,
      }));
      const { error } = JSON.parse(answer.text) as Loose;
      if (typeof row.error === "string") assert.equal(error, row.error.replace("{id}", signed.id));
      else assert.match(error, row.error);
      assert.equal(answer.status, row.status);
    });
  });
}

Deno.test("a second copy of an order is a duplicate, while it rests, after it was cancelled, after it was killed", async () => {
  await withFloor({}, async (floor) => {
    const { market, creds, ask } = await contextOf(floor);
    const post = (body: unknown) =>
      floor.run(call({ http: floor.http, creds: creds[0]!, method: "POST", path: "/order", body }));
    const signed = signOrder({ token: market.up, ...cheap(20) });
    const body = bodyOf(signed, { owner: creds[0]!.key });
    assert.equal((await post(body)).status, 200);
    const duplicate = JSON.stringify({ error: `order ${signed.id} is invalid. Duplicated.` });
    assert.equal((await post(body)).text, duplicate);
    await (await floor.client(0)).cancelAll();
    assert.equal((await post(body)).text, duplicate);
    const huge = signOrder({
      token: market.up,
      maker: "9000000000",
      taker: String(Math.floor(9e9 / ask / 100) * 100),
    });
    const fok = bodyOf(huge, { owner: creds[0]!.key, orderType: "FOK" });
    assert.match((await post(fok)).text, /FOK orders/);
    assert.match((await post(fok)).text, /Duplicated/);
  });
});

Deno.test("logins are refused for a wrong secret, passphrase, address, body or stamp; both clocks are accepted", async () => {
  await withFloor({}, async (floor) => {
    const { creds } = await contextOf(floor);
    const [own, other] = [creds[0]!, creds[1]!];
    const ask = (more: Partial<Parameters<typeof call>[0]>) =>
      call({ http: floor.http, creds: own, method: "GET", path: "/data/orders?market=0x12", ...more });
    assert.equal((await ask({})).status, 200);
    assert.equal((await ask({ timestampS: Math.floor(floor.now() / 1_000) })).status, 200);
    for (
      const more of [
        { creds: { ...own, secret: other.secret } },
        { creds: { ...own, passphrase: "x" } },
        { creds: { ...own, key: other.key } },
        { key: 1 },
        { timestampS: Math.floor(Date.now() / 1_000) - 86_400 * 400 },
        { headers: { POLY_TIMESTAMP: String(Math.floor(Date.now() / 1_000) + 1) } },
      ]
    ) {
      const answer = await ask(more);
      assert.equal(answer.status, 401);
      assert.equal(answer.text, '{"error":"Unauthorized/Invalid api key"}');
    }
    const l1 = await fetch(`${floor.http}/auth/api-key`, {
      method: "POST",
      headers: { POLY_ADDRESS: ownerOf(0) },
    });
    assert.equal(l1.status, 401);
    assert.deepEqual(await l1.json(), { error: "Invalid L1 Request headers" });
    const client = await floor.client(1);
    assert.equal((await client.createApiKey() as Loose).key, undefined, "one exists for the nonce");
    const fresh = await client.createApiKey(7);
    assert.deepEqual(await client.deriveApiKey(7), fresh);
    assert.notEqual(fresh.key, client.creds!.key);
    const missing = await fetch(`${floor.http}/auth/derive-api-key`);
    assert.equal(missing.status, 401);
    await missing.body?.cancel();
  });
});

Deno.test("reads and cancels refuse in the venue's words", async () => {
  await withFloor({}, async (floor) => {
    const { creds } = await contextOf(floor);
    const ids = Array.from({ length: 1_001 }, () => `0x${"ab".repeat(32)}`);
    const rows: [string, string, unknown, number, string][] = [
      ["DELETE", "/order", { orderID: "0x12" }, 400, "Invalid orderID"],
      ["DELETE", "/orders", ids, 400, "Too many orders in payload: 1001, max allowed: 1000"],
      ["GET", `/data/order/0x${"ab".repeat(32)}`, undefined, 404, "Order not found"],
      ["GET", "/balance-allowance?asset_type=GOLD", undefined, 400, "Invalid asset type"],
      [
        "GET",
        "/balance-allowance?asset_type=COLLATERAL&signature_type=9",
        undefined,
        400,
        "Invalid signature_type",
      ],
      ["POST", "/orders", {}, 400, "Invalid order payload"],
    ];
    for (const [method, path, body, status, error] of rows) {
      const answer = await call({ http: floor.http, creds: creds[0]!, method, path, body });
      assert.equal(answer.status, status, path);
      assert.deepEqual(JSON.parse(answer.text), { error }, path);
    }
    const unknown = await call({
      http: floor.http,
      creds: creds[0]!,
      method: "DELETE",
      path: "/order",
      body: { orderID: ids[0] },
    });
    assert.deepEqual(JSON.parse(unknown.text), {
      canceled: [],
      not_canceled: { [ids[0]!]: "Order not found" },
    });
  });
});
