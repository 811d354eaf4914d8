import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { hmacSha256 } from "../../../feeds/polymarket/signing/hmac_sha256.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const expected = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest("hex");

Deno.test("HMAC-SHA256 of the examples of RFC 4231", () => {
  const cases = [
    [Buffer.alloc(20, 0x0b), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
    [
      Buffer.from("Jefe"),
      "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ],
    [
      Buffer.alloc(131, 0xaa),
      "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ],
  ] as const;
  for (const [key, text, mac] of cases) assert.equal(hex(hmacSha256(key)(text)), mac);
});

Deno.test("HMAC-SHA256 is node:crypto's for every length about the edges of blocks, and one key serves many texts", () => {
  const key = Buffer.from("a key that is kept");
  const mac = hmacSha256(key);
  for (let length = 0; length <= 300; length++) {
    const text = "x".repeat(length);
    assert.equal(hex(mac(text)), expected(key, text), `${length} bytes`);
  }
  for (const length of [5000, 70_000, 10]) {
    const text = "ä€x".repeat(length);
    assert.equal(hex(mac(text)), expected(key, text), `${length} letters`);
  }
});

Deno.test("property: HMAC-SHA256 is node:crypto's for any key and text", () => {
  const text = fc.string({ unit: "binary", maxLength: 400 }).filter((one) => one.isWellFormed());
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(text, { maxLength: 4 }), (key, texts) => {
      const mac = hmacSha256(key);
      for (const one of texts) assert.equal(hex(mac(one)), expected(key, one));
    }),
    { numRuns: 500 },
  );
});
