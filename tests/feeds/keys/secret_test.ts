import assert from "node:assert/strict";
import { format, inspect } from "node:util";
import { serialize } from "node:v8";
import { OperationError } from "../../../core/errors.ts";
import { Secret, secret } from "../../../feeds/keys/secret.ts";

const PLANTED = "correct-horse-battery-staple";

Deno.test("a secret shows as [secret] in every way of making text of it, alone and inside other values", () => {
  const it = secret(PLANTED);
  const holder = { it, list: [it], map: new Map([["k", it]]), set: new Set([it]) };
  const error = new Error(`cannot use ${it}`, { cause: it });
  const texts = [
    `${it}`,
    String(it),
    "" + (it as unknown as string),
    it.toString(),
    it.toLocaleString(),
    String(it.valueOf()),
    JSON.stringify(it),
    JSON.stringify(holder),
    Deno.inspect(it),
    Deno.inspect(holder, { depth: 10, showHidden: true, getters: true }),
    inspect(it),
    inspect(holder, { depth: 10, showHidden: true, getters: true }),
    format("%s %o %O %j %d", it, it, it, it, it),
    Object.prototype.toString.call(it),
    Object.entries(it).join(),
    Reflect.ownKeys(it).map(String).join(),
    JSON.stringify(Object.getOwnPropertyDescriptors(it)),
    [it, it].join(),
    error.message,
    error.stack ?? "",
    Deno.inspect(error),
    Deno.inspect(new OperationError({ code: "X", message: "m", details: { it }, cause: it })),
    Deno.inspect(new AggregateError([error], `${it}`)),
    JSON.stringify({ ...it }),
    JSON.stringify(Object.assign({}, it)),
  ];
  for (const text of texts) assert.ok(!text.includes(PLANTED), text);
  assert.equal(`${it}`, "[secret]");
  assert.equal(JSON.stringify({ it }), '{"it":"[secret]"}');
  assert.equal(it.reveal(), PLANTED);
});

Deno.test("copies made by structuredClone, by a message port or by serialising hold nothing", async () => {
  const it = new Secret(PLANTED);
  assert.ok(!Deno.inspect(structuredClone({ it })).includes(PLANTED));
  assert.ok(!new TextDecoder("latin1").decode(serialize({ it })).includes(PLANTED));
  const { port1, port2 } = new MessageChannel();
  const received = Promise.withResolvers<unknown>();
  port2.onmessage = (event) => received.resolve(event.data);
  port1.postMessage({ it });
  assert.ok(!Deno.inspect(await received.promise, { depth: 10, showHidden: true }).includes(PLANTED));
  port1.close();
  port2.close();
});

Deno.test("console methods print no secret", () => {
  const written: string[] = [];
  const names = ["log", "error", "info", "debug", "warn", "dir", "table"] as const;
  const before = names.map((name) => console[name]);
  const it = new Secret(PLANTED);
  try {
    for (const name of names) {
      console[name] = (...given: unknown[]) => void written.push(given.map((g) => Deno.inspect(g)).join(" "));
      console[name](it, { it }, `${it}`);
    }
  } finally {
    names.forEach((name, at) => (console[name] = before[at] as typeof console.log));
  }
  assert.equal(written.length, names.length);
  assert.ok(!written.join().includes(PLANTED));
});

Deno.test("a secret cannot be changed or opened through its prototype", () => {
  const it = new Secret(PLANTED);
  assert.ok(Object.isFrozen(it));
  assert.throws(() => Secret.prototype.reveal.call({}), TypeError);
});
