import assert from "node:assert/strict";
import { MaxUint256 } from "ethers";
import {
  approveCall,
  condition31,
  CTF,
  EXCHANGE_V2,
  mergeCall,
  PUSD,
  redeemCall,
  setOperatorCall,
  unwrapCall,
  wrapCall,
} from "../../../feeds/chain/contracts.ts";
import { relayTypeOf, safeTxHash, signRelay } from "../../../feeds/chain/relayer.ts";
import { secret } from "../../../feeds/keys/secret.ts";
import { accountOf } from "../../../feeds/polymarket/signing/account.ts";
import { walletBatchDigest } from "../../../feeds/polymarket/signing/wallet_batch.ts";
import { walletsOf } from "../../../feeds/polymarket/signing/wallets.ts";
import { TEST_KEYS } from "../../venue/official.ts";
import type { Loose } from "../../fixtures/venue_client.ts";

const OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const KEY = secret<string>(TEST_KEYS[0]);
const approve = approveCall(PUSD, EXCHANGE_V2, MaxUint256);

Deno.test("R1: the published deposit-wallet batch, digest and signature, as the relayer's body", () => {
  const account = accountOf({ key: OWNER, signatureType: "3" });
  assert.equal(account.funder, "0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50");
  const { body, type } = signRelay({
    account,
    key: KEY,
    nonce: 3n,
    calls: [approve],
    deadlineS: 1_800_000_000,
    relay: OWNER,
  });
  assert.equal(type, "WALLET");
  assert.deepEqual(body, {
    type: "WALLET",
    from: OWNER,
    to: "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07",
    nonce: "3",
    signature:
      "0xaa0e8c45ca7e2c7c954edf32b2f8c70b58a633e280b25233e744a383538e9c675dcda2ffb2b88e941a4ca0d2618821" +
      "5ea806fb2921d2f84f68e392c6bff00fcc1b",
    metadata: "",
    depositWalletParams: {
      depositWallet: account.funder,
      deadline: "1800000000",
      calls: [{ target: PUSD, value: "0", data: approve.data }],
    },
  });
});

Deno.test("R2: two calls, one with value: the published digest", () => {
  const wallet = "0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50";
  const every = setOperatorCall(CTF, EXCHANGE_V2, true);
  const calls = [
    { target: approve.to, value: 0n, data: approve.data },
    { target: every.to, value: 1n, data: every.data },
  ];
  const batch = { wallet, nonce: 7n, deadlineS: 1_800_000_600, calls };
  assert.equal(
    walletBatchDigest(batch),
    "0x7589d8701a49cdec52ac97aa982e35a0d78aee7eab0ff03558e9b97a8d05f05d",
  );
});

Deno.test("W: the published wallets of two owners", () => {
  const [one, test] = [walletsOf("0x0000000000000000000000000000000000000001"), walletsOf(OWNER)];
  assert.deepEqual([one.depositOld, one.deposit, one.safe, one.proxy], [
    "0x57ffBc34De23124fAeb8387fcd689d314E57aCcD",
    "0x94bF330955A0b957662fEaF878dE77bf25f76cD9",
    "0x766b6851A199BF91Ae3fa13B1cfaC5187355118f",
    "0x7754536ecd85c00b2E0CF9c1aA679340D8550756",
  ]);
  assert.deepEqual([test.depositOld, test.deposit, test.safe, test.proxy], [
    "0xdf8b9E8f9AB23f261F6e1B171B7454ae6E46Ba76",
    "0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50",
    "0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47",
    "0x365f0CA36Ae1f641E02fE3B7743673da42A13A70",
  ]);
});

Deno.test("a Safe's signature is of the message, its recovery number four higher; several calls are one MultiSend", () => {
  const account = accountOf({ key: OWNER, signatureType: "2" });
  const sign = (calls: readonly typeof approve[]) =>
    signRelay({ account, key: KEY, nonce: 5n, calls, deadlineS: 0, relay: OWNER }).body as Loose;
  const one = sign([approve]);
  assert.deepEqual([one.to, one.signatureParams.operation, one.proxyWallet], [PUSD, "0", account.funder]);
  const v = Number(`0x${one.signature.slice(-2)}`);
  assert.ok(v === 31 || v === 32);
  const hash = safeTxHash(account.funder, { to: PUSD, data: approve.data, operation: 0, nonce: 5n });
  assert.match(hash, /^0x[0-9a-f]{64}$/);
  const two = sign([approve, approve]);
  assert.deepEqual([two.to, two.signatureParams.operation], [
    "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761",
    "1",
  ]);
  assert.notEqual(two.signature, one.signature);
});

Deno.test("a proxy wallet's call has the selector of the factory; a plain key has no relayer", () => {
  const account = accountOf({ key: OWNER, signatureType: "1" });
  const { body } = signRelay({ account, key: KEY, nonce: 0n, calls: [approve], deadlineS: 0, relay: OWNER });
  assert.ok(String(body["data"]).startsWith("0x34ee9791"));
  assert.equal(relayTypeOf(accountOf({ key: OWNER, signatureType: "0" })), null);
});

Deno.test("the calls have the selectors of the contracts page", () => {
  const condition = `0x${"ab".repeat(32)}`;
  const selector = ({ data }: { readonly data: string }) => data.slice(0, 10);
  const outcome = { index: 1, amount: 5n };
  assert.deepEqual(
    [
      selector(approve),
      selector(setOperatorCall(CTF, OWNER, true)),
      selector(wrapCall(OWNER, 1n)),
      selector(unwrapCall(OWNER, 1n)),
      selector(mergeCall("v1", condition, 1n)),
      selector(redeemCall("v1", condition, outcome)),
      selector(mergeCall("v2", condition, 1n)),
      selector(redeemCall("v2", condition, outcome)),
    ],
    [
      "0x095ea7b3",
      "0xa22cb465",
      "0x62355638",
      "0x8cc7104f",
      "0x9e7212ad",
      "0x01b7037c",
      "0x5b63685e",
      "0xd217a3cc",
    ],
  );
  assert.equal(condition31(condition).length, 64);
});
