import assert from "node:assert/strict";
import { secretFilter } from "../../commands/logging.ts";
import { poly, type RunOptions } from "./harness.ts";
import { probe } from "./probe_program.ts";

const KEY = `0x${"4f".repeat(32)}`;
const CONDITION = `0x${"ab".repeat(32)}`;
const ENV = {
  POLY_PRIVATE_KEY: KEY,
  POLY_API_SECRET: "c2VjcmV0+/dmFsdWU=",
  POLY_API_PASSPHRASE: "correct horse",
};

const talk = probe((ctx) => {
  ctx.log.debug("a detail");
  ctx.log.info("hello", { n: 5, token: "abc" });
  ctx.log.warn("careful");
  ctx.log.error("broken", { code: "X" });
  return Promise.resolve({ data: {} });
});
const run = (argv: string[], options: RunOptions = {}) =>
  poly(["probe", ...argv], { commands: [talk], ...options });

Deno.test("logs go to stderr, never to stdout, with their fields", async () => {
  const { out, err } = await run([]);
  assert.equal(out, "");
  assert.match(err, /INF hello n=5 token=abc\n/);
  assert.ok(!err.includes("a detail"));
});

Deno.test("--log-level chooses the least severe line; off silences all", async () => {
  assert.match((await run(["--log-level", "debug"])).err, /DBG a detail/);
  const warn = (await run(["--log-level", "warn"])).err;
  assert.ok(warn.includes("careful") && !warn.includes("hello"));
  assert.equal((await run(["--log-level", "off"])).err, "");
});

Deno.test("--quiet leaves only errors on stderr, and no progress or warnings", async () => {
  const noisy = probe((ctx) => {
    ctx.warn({ code: "ODD", message: "odd" });
    const progress = ctx.progress("working");
    progress.update(1, 2, "half");
    progress.stop();
    ctx.log.info("hello");
    return Promise.resolve({ data: {}, text: "result" });
  });
  const { out, err } = await poly(["probe", "--quiet"], { commands: [noisy] });
  assert.equal(out, "result\n");
  assert.equal(err, "");
  const errors = (await run(["--quiet"])).err.trimEnd().split("\n");
  assert.equal(errors.length, 1);
  assert.match(errors[0] ?? "", /ERR broken code=X$/);
});

Deno.test("--log-file appends JSON lines, also under --quiet", async () => {
  const file = await Deno.makeTempFile();
  await run(["--log-file", file, "--quiet"]);
  await run(["--log-file", file]);
  const lines = (await Deno.readTextFile(file)).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines.length, 6);
  assert.equal(lines[0].message, "hello");
  assert.deepEqual(lines[0].fields, { n: 5, token: "abc" });
  await Deno.remove(file);
});

Deno.test("a log file that cannot be opened is an error before anything runs", async () => {
  const { code, err } = await run(["--log-file", "/nonexistent/folder/x.log"]);
  assert.equal(code, 1);
  assert.match(err, /^error LOG_FILE_UNWRITABLE: /);
});

Deno.test("secrets of the environment never appear: log, log file, text, records, envelope, errors", async () => {
  const leak = probe((ctx) => {
    for (const secret of Object.values(ENV)) {
      ctx.log.info(`value ${secret}`, { note: secret, nested: { deep: [secret] } });
      ctx.print(secret);
      ctx.record({ secret });
      ctx.warn({ code: "LEAK", message: secret });
    }
    ctx.log.info("upper", { note: KEY.toUpperCase().replace("0X", "0x"), bare: KEY.slice(2) });
    return Promise.reject(new Error(`failed with ${KEY}`));
  });
  const file = await Deno.makeTempFile();
  for (const argv of [["probe"], ["probe", "--json"], ["probe", "--log-level", "debug"]]) {
    const { out, err } = await poly([...argv, "--log-file", file], { commands: [leak], env: ENV });
    const all = (out + err + await Deno.readTextFile(file)).toLowerCase();
    for (const secret of [...Object.values(ENV), KEY.slice(2)]) {
      assert.ok(!all.includes(secret.toLowerCase()), secret);
    }
    assert.ok(all.includes("[redacted]"));
  }
  await Deno.remove(file);
});

Deno.test("fields named like a secret are redacted whatever they hold; hashes that are no secret stay", async () => {
  const command = probe((ctx) => {
    ctx.log.info("login", {
      privateKey: KEY,
      headers: { POLY_API_KEY: "k-1", POLY_PASSPHRASE: "p-1", POLY_SIGNATURE: "s-1" },
      passphrase: "p-2",
      secret: "s-2",
      conditionId: CONDITION,
      orderHash: CONDITION,
    });
    return Promise.resolve({ data: {} });
  });
  const { err } = await poly(["probe"], { commands: [command] });
  for (const hidden of [KEY, "k-1", "p-1", "s-1", "p-2", "s-2"]) assert.ok(!err.includes(hidden), hidden);
  assert.ok(err.includes(`conditionId=${CONDITION}`));
  assert.ok(err.includes(`orderHash=${CONDITION}`));
});

Deno.test("secretFilter() leaves text alone without secrets and ignores values too short to be one", () => {
  assert.equal(secretFilter([undefined, ""])("a b"), "a b");
  assert.equal(secretFilter(["abc"])("abc def"), "abc def");
  assert.equal(secretFilter(["a.c+(d)e"])("x a.c+(d)e y abc+(d)e"), "x [REDACTED] y abc+(d)e");
});
