import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { getBytes, id, Interface, MaxUint256, recoverAddress, TypedDataEncoder } from "ethers";
import { getContractConfig } from "@polymarket/clob-client-v2";
import { marketBuyAmounts } from "../../../core/market/rounding.ts";
import { type Price, type Usdc } from "../../../core/units.ts";
import { Secret } from "../../../feeds/keys/secret.ts";
import { orderBody } from "../../../feeds/polymarket/signing/body.ts";
import {
  EXCHANGE_V2,
  type ExchangeDomain,
  ORDER_TYPE_STRING,
  TYPED_DATA_SIGN_STRING,
} from "../../../feeds/polymarket/signing/contracts.ts";
import { openCurve } from "../../../feeds/polymarket/signing/curve.ts";
import { fastSigner, type OrderSigner } from "../../../feeds/polymarket/signing/fast_signer.ts";
import { clobAuthDigest, l2Signer } from "../../../feeds/polymarket/signing/login.ts";
import type { OrderFields } from "../../../feeds/polymarket/signing/order.ts";
import {
  domainSeparator,
  nestedDigest,
  orderHash,
  orderStructHash,
  sessionEnvelope,
  signDigestReference,
  signOrderReference,
  wrapSignature,
} from "../../../feeds/polymarket/signing/reference.ts";
import { walletBatchDigest } from "../../../feeds/polymarket/signing/wallet_batch.ts";
import { walletsOf } from "../../../feeds/polymarket/signing/wallets.ts";
import { orderSigner } from "../../../fixtures/exchange/typed_data.ts";
import { AMOY_V2, AMOY_V3, BASE, KEY, NEG_RISK, OWNER, V2, V3, VECTORS, WRAPPED } from "./vectors.ts";

const key = new Secret(KEY);
const curve = await openCurve(new Secret(crypto.getRandomValues(new Uint8Array(32))));

function signerFor(fields: OrderFields, session = false): OrderSigner {
  const account = { key: OWNER, funder: fields.maker, signatureType: fields.signatureType, session };
  return fastSigner(account, new Secret(getBytes(KEY)), curve);
}

Deno.test("domain separators and type hashes are the published ones", () => {
  assert.equal(id(ORDER_TYPE_STRING), "0xbb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589");
  assert.equal(
    id(TYPED_DATA_SIGN_STRING),
    "0x6ba028565cb324c2aa02bb714b9816d0bddd557a2f33bb36cf13272a4256bd42",
  );
  const separators: [ExchangeDomain, string][] = [
    [V2, "0x3264e159346253e26a64e00b69032db0e7d32f94628de3e6eecb50304d7af3d2"],
    [NEG_RISK, "0x9b858f53327b0bd13af8ec14cfb35234fb9eb7b0504d1a4e61f433840d30e81a"],
    [V3, "0x466c63910185bbd55e8679264200c4e0abdcbb0c6264eb3d41d13326022e095b"],
    [AMOY_V2, "0xa440cbd865bc0c6243d7a8df9a8bf48a8827b0a4abbb61c30e96d305423af148"],
    [AMOY_V3, "0xdf8b5fd204134b8d562677d7fc9346884e8f02ef2fd43358239393723e8833e6"],
  ];
  for (const [domain, expected] of separators) assert.equal(domainSeparator(domain), expected);
});

for (const { name, fields, domain, hash, signature } of VECTORS) {
  Deno.test(`order vector ${name}: both ways of signing give its hash and signature`, () => {
    assert.equal(orderHash(fields, domain), hash);
    assert.equal(signOrderReference(fields, domain, key).signature, signature);
    const fast = signerFor(fields);
    assert.equal(fast.hash(fields, domain), hash);
    assert.deepEqual(fast.sign(fields, domain), { fields, hash, signature });
    assert.equal(recoverAddress(hash, signature), OWNER);
  });
}

for (const { name, fields, domain, hash, inner, contents } of WRAPPED) {
  Deno.test(`deposit-wallet vector ${name}: plain hash, inner signature, wrapping, both ways`, () => {
    assert.equal(orderHash(fields, domain), hash);
    const struct = orderStructHash(fields);
    if (contents !== undefined) assert.equal(struct, contents);
    assert.equal(signDigestReference(nestedDigest(struct, fields.signer, domain), key), inner);
    const expected = `${inner}${domainSeparator(domain).slice(2)}${struct.slice(2)}${
      new TextEncoder().encode(ORDER_TYPE_STRING).toHex()
    }00ba`;
    assert.equal(wrapSignature(inner, struct, domain), expected);
    assert.equal(signOrderReference(fields, domain, key).signature, expected);
    assert.deepEqual(signerFor(fields).sign(fields, domain), { fields, hash, signature: expected });
  });
}

Deno.test("session vector S1: digest and inner signature of an envelope over a contents hash", () => {
  const contents = "0xfca95afd8be6199fbb0189b64e56dcb699ff65de2c0537634ea75429c10a1369";
  const digest = nestedDigest(contents, "0x57ffbc34de23124faeb8387fcd689d314e57accd", V2);
  const inner =
    "0x1e383ed0b10e0d805e740b8baba01c6c094f6141df91a74e923e20f80e6cfb5a33df6b3fc42042ce170d0e7bf87b473b867062412c26718c5359f47c8e6105611b";
  assert.equal(digest, "0x1e6bc7454035acfd73e6c098c4d96af9bb25515326e638228e672709a7a9f993");
  assert.equal(signDigestReference(digest, key), inner);
  const wrapped = wrapSignature(inner, contents, V2);
  const envelope = sessionEnvelope(OWNER, wrapped);
  // abi.encode(bytes32 key, bytes32 0, bytes wrapped): head of four words, 317 bytes padded to 320, then the mark.
  const bare = wrapped.slice(2);
  assert.equal(bare.length / 2, 317);
  assert.equal(
    envelope,
    `0x${OWNER.slice(2).toLowerCase().padStart(64, "0")}${"0".repeat(64)}${"60".padStart(64, "0")}` +
      `${"13d".padStart(64, "0")}${bare}000000${"6492".repeat(16)}`,
  );
});

Deno.test("a session key's order has the plain hash, the same wrapping, and the envelope around it, both ways", () => {
  for (const { fields, domain, hash } of WRAPPED) {
    const fast = signerFor(fields, true).sign(fields, domain);
    assert.deepEqual(fast, signOrderReference(fields, domain, key, OWNER));
    assert.equal(fast.hash, hash);
    assert.ok(fast.signature.includes(signOrderReference(fields, domain, key).signature.slice(2)));
    const venueFields = {
      ...fields,
      salt: `${fields.salt}`,
      makerAmount: `${fields.makerAmount}`,
      takerAmount: `${fields.takerAmount}`,
      timestamp: `${fields.timestamp}`,
      side: fields.side === "buy" ? 0 : 1,
    } as const;
    assert.deepEqual(orderSigner(venueFields, fast.signature, domain), { address: OWNER, session: true });
  }
});

Deno.test("O5: the body is 743 bytes of known SHA-256, and its L2 signature is known", () => {
  const vector = VECTORS.find(({ name }) => name === "O5 v1 market");
  assert.ok(vector);
  const body = orderBody(signerFor(vector.fields).sign(vector.fields, V2), {
    owner: "00000000-0000-0000-0000-000000000001",
    orderType: "GTC",
  });
  assert.equal(new TextEncoder().encode(body).length, 743);
  assert.equal(
    createHash("sha256").update(body).digest("hex"),
    "a75be4dadb18cd7ee024bcab35309891ec8e4eb22a78b20054177d1e5f7a65c4",
  );
  const request = { method: "POST", path: "/order", body, timestampS: 1_700_000_000 } as const;
  assert.equal(
    l2("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").signature(request),
    "lfXfFctqqQUxjGgJHLix3CRfvnoMKVRyhtzVwXXW4Xw=",
  );
});

const V1_TYPES = {
  Order: [
    ["salt", "uint256"],
    ["maker", "address"],
    ["signer", "address"],
    ["taker", "address"],
    ["tokenId", "uint256"],
    ["makerAmount", "uint256"],
    ["takerAmount", "uint256"],
    ["expiration", "uint256"],
    ["nonce", "uint256"],
    ["feeRateBps", "uint256"],
    ["side", "uint8"],
    ["signatureType", "uint8"],
  ].map(([name = "", type = ""]) => ({ name, type })),
};

Deno.test("O6, the dead V1 struct: the curve signs its published digests", () => {
  const { exchange, negRiskExchange } = getContractConfig(80002);
  const rows = [
    [
      exchange,
      "0x02ca1d1aa31103804173ad1acd70066cb6c1258a4be6dada055111f9a7ea4e55",
      "0x302cd9abd0b5fcaa202a344437ec0b6660da984e24ae9ad915a592a90facf5a51bb8a873cd8d270f070217fea1986531d5eec66f1162a81f66e026db653bf7ce1c",
    ],
    [
      negRiskExchange,
      "0xf15790d3edc4b5aed427b0b543a9206fcf4b1a13dfed016d33bfb313076263b8",
      "0x1b3646ef347e5bd144c65bd3357ba19c12c12abaeedae733cf8579bc51a2752c0454c3bc6b236957e393637982c769b8dc0706c0f5c399983d933850afd1cbcd1c",
    ],
  ] as const;
  for (const [verifyingContract, hash, signature] of rows) {
    const domain = { name: "Polymarket CTF Exchange", version: "1", chainId: 80002, verifyingContract };
    const order = {
      salt: 479249096354,
      maker: OWNER,
      signer: OWNER,
      taker: `0x${"00".repeat(20)}`,
      tokenId: 1234,
      makerAmount: 100000000,
      takerAmount: 50000000,
      expiration: 0,
      nonce: 0,
      feeRateBps: 100,
      side: 0,
      signatureType: 0,
    };
    assert.equal(TypedDataEncoder.hash(domain, V1_TYPES, order), hash);
    assert.equal(signDigestReference(hash, key), signature);
    assert.equal(signerFor(BASE).signDigest(getBytes(hash)), signature);
  }
});

Deno.test("L1 login vectors A1", () => {
  const rows = [
    {
      chainId: 80002,
      timestampS: 10000000,
      nonce: 23,
      digest: "0x8f442df8073c9cf2e36d7b20ca9d64d1a9352e982cc82a293b7de2df57920610",
      signature:
        "0xf62319a987514da40e57e2f4d7529f7bac38f0355bd88bb5adbb3768d80de6c1682518e0af677d5260366425f4361e7b70c25ae232aff0ab2331e2b164a1aedc1b",
    },
    {
      timestampS: 1700000000,
      nonce: 0,
      digest: "0xc85352894b3c41f3ea6152479d64b9233fbaf2de87eabc7e4bba3a161fd28493",
      signature:
        "0x659ed4b28ae28e0f038fdf0023c00863c9559caacb9ebc83f44eea87059a099a36f1e1dee110e7faa1c4f65d17489b2da1333ebef78bbe2116d81207b975052d1c",
    },
    {
      chainId: 137,
      timestampS: 1700000000,
      nonce: 42,
      digest: "0xdeabd642465b23df823be2cde3e98bedbe3b0d2792739b51528c65373e1a47f6",
      signature:
        "0x8e61f918d542a48ff9433fb6cc4c172a2763ad53dda8afa07f77321e2e0a1e3055f29fac1408e0020dca977190fd4f01b1c73b5e2078be29c88a32887945fe2a1b",
    },
  ];
  for (const { digest, signature, ...auth } of rows) {
    assert.equal(clobAuthDigest({ address: OWNER, ...auth }), digest);
    assert.equal(signerFor(BASE).signDigest(getBytes(digest)), signature);
    assert.equal(signDigestReference(digest, key), signature);
  }
});

const l2 = (secret: string) =>
  l2Signer(OWNER, {
    apiKey: new Secret("key"),
    secret: new Secret(secret),
    passphrase: new Secret("pass"),
  });

Deno.test("L2 HMAC vectors A2", () => {
  const zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  const heartbeat = '{"heartbeat_id":""}';
  const rows = [
    [zero, 1, "GET", "/", "", "eHaylCwqRSOa2LFD77Nt_SaTpbsxzN8eTEI3LryhEj4="],
    [zero, 1700000000, "GET", "/balance-allowance", "", "IpkXa5rFIgEseycLoVRA1KFF1fHBwj6Vs0vfBwEI5lk="],
    [zero, 1700000000, "POST", "/v1/heartbeats", heartbeat, "-PUdMuGD63fwGrjfWWDTMme64hsoU-TNjWB7GroYNmo="],
    [
      "-_-_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
      1700000000,
      "DELETE",
      "/order",
      '{"orderID":"0xabc"}',
      "7jh5gYt9g_nIS-j_DUgXMXfeVoQ74TzJ1dDHcZdvRUA=",
    ],
  ] as const;
  for (const [secret, timestampS, method, path, body, expected] of rows) {
    assert.equal(l2(secret).signature({ timestampS, method, path, body }), expected);
  }
  // The official test's method is no HTTP method; its message is what is signed.
  const odd = { timestampS: 1000000, method: "test-sign", path: "/orders", body: '{"hash": "0x123"}' };
  assert.equal(
    l2(zero).signature(odd as unknown as Parameters<ReturnType<typeof l2>["signature"]>[0]),
    "ZwAdJKvoYRlEKDkNMwd5BuwNNtg93kNaR_oU2HrfVvc=",
  );
});

Deno.test("wallet vectors W: proxy, Safe and both deposit wallets of an owner", () => {
  assert.deepEqual(walletsOf("0x0000000000000000000000000000000000000001"), {
    eoa: "0x0000000000000000000000000000000000000001",
    depositOld: "0x57ffBc34De23124fAeb8387fcd689d314E57aCcD",
    deposit: "0x94bF330955A0b957662fEaF878dE77bf25f76cD9",
    safe: "0x766b6851A199BF91Ae3fa13B1cfaC5187355118f",
    proxy: "0x7754536ecd85c00b2E0CF9c1aA679340D8550756",
  });
  assert.deepEqual(walletsOf(OWNER.toLowerCase()), {
    eoa: OWNER,
    depositOld: "0xdf8b9E8f9AB23f261F6e1B171B7454ae6E46Ba76",
    deposit: "0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50",
    safe: "0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47",
    proxy: "0x365f0CA36Ae1f641E02fE3B7743673da42A13A70",
  });
});

Deno.test("deposit-wallet batch vectors R1 and R2", () => {
  const calls = new Interface([
    "function approve(address,uint256)",
    "function setApprovalForAll(address,bool)",
  ]);
  const approve = {
    target: "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB",
    value: 0n,
    data: calls.encodeFunctionData("approve", [EXCHANGE_V2, MaxUint256]),
  };
  const approveAll = {
    target: "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045",
    value: 1n,
    data: calls.encodeFunctionData("setApprovalForAll", [EXCHANGE_V2, true]),
  };
  const wallet = "0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50";
  const rows = [
    {
      batch: { wallet, nonce: 3n, deadlineS: 1800000000, calls: [approve] },
      digest: "0x6142217cedb047b76ab08e81bc709bef31f7afe3179bc706c79b2ebda1af39db",
      signature:
        "0xaa0e8c45ca7e2c7c954edf32b2f8c70b58a633e280b25233e744a383538e9c675dcda2ffb2b88e941a4ca0d26188215ea806fb2921d2f84f68e392c6bff00fcc1b",
    },
    {
      batch: { wallet, nonce: 7n, deadlineS: 1800000600, calls: [approve, approveAll] },
      digest: "0x7589d8701a49cdec52ac97aa982e35a0d78aee7eab0ff03558e9b97a8d05f05d",
      signature:
        "0x4fc8eb86ecdc06f9feb5e03816feea34bf54c039217371755dac0eaef4e133f8429a2f269e5c971bb963c7482b7bc7498874bf4b5a7a8d219591749dda52bbda1c",
    },
  ];
  for (const { batch, digest, signature } of rows) {
    assert.equal(walletBatchDigest(batch), digest);
    assert.equal(signerFor(BASE).signDigest(getBytes(digest)), signature);
  }
});

Deno.test("vector F, the part that orders are built from: a market BUY of $100 at 0.56", () => {
  assert.deepEqual(marketBuyAmounts(100_000_000 as Usdc, 5600 as Price), {
    makerAmount: 100_000_000,
    takerAmount: 178_571_400,
  });
});
