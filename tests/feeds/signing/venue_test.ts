/** Our orders at the simulated venue, which checks hash, signature, wallet and login with code of its own. */
import assert from "node:assert/strict";
import { ms, type Price, type Shares, type Usdc } from "../../../core/units.ts";
import { wallClock } from "../../../feeds/clock.ts";
import { fetchApiKey } from "../../../feeds/keys/api_key.ts";
import { parseKey } from "../../../feeds/keys/keystore.ts";
import { secret } from "../../../feeds/keys/secret.ts";
import { httpClient } from "../../../feeds/net/http.ts";
import { openNetwork } from "../../../feeds/net/network.ts";
import { accountOf, openSigner } from "../../../feeds/polymarket/signing/account.ts";
import { orderBody } from "../../../feeds/polymarket/signing/body.ts";
import { exchangeOf } from "../../../feeds/polymarket/signing/contracts.ts";
import type { OrderSigner } from "../../../feeds/polymarket/signing/fast_signer.ts";
import { l2Signer } from "../../../feeds/polymarket/signing/login.ts";
import { buildOrder, type OrderTerms, saltSource } from "../../../feeds/polymarket/signing/order.ts";
import { TEST_KEYS } from "../../venue/official.ts";
import { type Floor, type KeyIndex, withFloor } from "../../venue/stage.ts";

const TICK = 100 as Price;
const random = (into: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(into);
const salt = saltSource(random);

interface Reply {
  readonly success?: boolean;
  readonly orderID?: string;
  readonly status?: string;
  readonly error?: string;
}

/** Account n of the venue has signature type n. */
async function traderAt(floor: Floor, key: KeyIndex) {
  const pair = parseKey(secret(TEST_KEYS[key]), "a test");
  const http = httpClient({ network: openNetwork(), clock: wallClock(), random: Math.random });
  const { secrets } = await fetchApiKey({ http, clob: floor.http, pair, nonce: 0 });
  const account = accountOf({ key: pair.address, signatureType: String(key) });
  assert.equal(account.funder, floor.wallet(key));
  const signer = await openSigner({ account, key: pair.key, random });
  const login = l2Signer(pair.address, secrets);
  const owner = secrets.apiKey.reveal();
  const send = async (body: string): Promise<Reply> => {
    const request = {
      method: "POST",
      path: "/order",
      body,
      timestampS: Math.floor(floor.now() / 1000),
    } as const;
    const answer = await fetch(`${floor.http}/order`, {
      method: "POST",
      headers: login.headers(request),
      body,
    });
    return await answer.json() as Reply;
  };
  return { signer, owner, send };
}

function signedBody(
  signer: OrderSigner,
  owner: string,
  terms: OrderTerms,
  version: "v1" | "v2",
  nowMs: number,
) {
  const fields = buildOrder(terms, TICK, signer.account, { salt: salt(), timestampMs: ms(nowMs) });
  const signed = signer.sign(fields, exchangeOf({ version, negRisk: false }));
  return { hash: signed.hash, body: orderBody(signed, { owner, orderType: terms.orderType }) };
}

for (const version of ["v1", "v2"] as const) {
  Deno.test(`a ${version} market takes resting and market orders of all four account types under the hash we know`, async () => {
    await withFloor({ marketVersion: version }, async (floor) => {
      const { up } = await floor.market();
      for (const key of [0, 1, 2, 3] as const) {
        const { signer, owner, send } = await floor.run(traderAt(floor, key));
        const resting: OrderTerms = {
          token: up,
          side: "buy",
          orderType: "GTC",
          limit: 100 as Price,
          size: 5_000_000 as Shares,
          spend: 0 as Usdc,
        };
        const order = signedBody(signer, owner, resting, version, floor.now());
        const reply = await floor.run(send(order.body));
        assert.deepEqual(
          [reply.success, reply.orderID, reply.status],
          [true, order.hash, "live"],
          reply.error,
        );
        const again = await floor.run(send(order.body));
        assert.match(again.error ?? "", new RegExp(`${order.hash} is invalid. Duplicated`));

        const { ask } = await floor.book(up);
        const limit = Math.min(9900, Math.ceil(ask * 100 + 3) * 100) as Price;
        const taking = { ...resting, orderType: "FAK" as const, limit, spend: 10_000_000 as Usdc };
        const market = signedBody(signer, owner, taking, version, floor.now());
        const matched = await floor.run(send(market.body));
        assert.deepEqual(
          [matched.success, matched.orderID, matched.status],
          [true, market.hash, "matched"],
          matched.error,
        );
        const other = version === "v1" ? "v2" : "v1";
        const swapped = await floor.run(send(signedBody(signer, owner, resting, other, floor.now()).body));
        assert.equal(swapped.error, "order_version_mismatch");
      }
    });
  });
}
