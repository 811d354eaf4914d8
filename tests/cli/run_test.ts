import assert from "node:assert/strict";
import { InvariantError, OperationError } from "../../core/errors.ts";
import { VERSION } from "../../commands/version.ts";
import { examples, leavesBehind } from "../../commands/run.ts";
import { poly } from "./harness.ts";
import { probe } from "./probe_program.ts";

const done = (data: unknown) => () => Promise.resolve({ data });
const failing = (error: unknown) => () => Promise.reject(error);

Deno.test("success under --json is one envelope: schema, command, ok, data, warnings, meta", async () => {
  const command = probe((ctx) => {
    ctx.warn({ code: "ODD", message: "something odd" });
    ctx.print("for people");
    return Promise.resolve({ data: { n: 5n, text: "a" }, text: "for people too" });
  });
  const { code, out, err, envelope } = await poly(["probe", "--json", "--venue", "sim"], {
    commands: [command],
  });
  assert.equal(code, 0);
  assert.equal(err, "");
  assert.equal(out.trimEnd().split("\n").length, 1);
  assert.deepEqual(Object.keys(envelope ?? {}), ["schema", "command", "ok", "data", "warnings", "meta"]);
  assert.equal(envelope?.command, "probe");
  assert.deepEqual(envelope?.data, { n: "5", text: "a" });
  assert.deepEqual(envelope?.warnings, [{ code: "ODD", message: "something odd" }]);
  assert.deepEqual(Object.keys(envelope?.meta ?? {}), ["version", "venue", "startedAt", "durationMs"]);
  assert.equal(envelope?.meta.version, VERSION);
  assert.equal(envelope?.meta.venue, "sim");
  assert.match(envelope?.meta.startedAt ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Number.isInteger(envelope?.meta.durationMs));
});

Deno.test("without --json people read text on stdout and warnings on stderr", async () => {
  const command = probe((ctx) => {
    ctx.warn({ code: "ODD", message: "something odd" });
    ctx.print("first");
    ctx.record({ hidden: true });
    return Promise.resolve({ data: {}, text: "last" });
  });
  const { out, err } = await poly(["probe"], { commands: [command] });
  assert.equal(out, "first\nlast\n");
  assert.equal(err, "warning ODD: something odd\n");
});

Deno.test("what a command warned of before it failed is told on stderr too, unless it is to be quiet", async () => {
  const command = probe((ctx) => {
    ctx.warn({ code: "OPEN_ORDERS_LEFT", message: "run cancel-all" });
    throw new OperationError({ code: "DISK_FULL", message: "Cannot write" });
  });
  const told = await poly(["probe"], { commands: [command] });
  assert.equal(told.err, "warning OPEN_ORDERS_LEFT: run cancel-all\nerror DISK_FULL: Cannot write\n");
  const quiet = await poly(["probe", "--quiet"], { commands: [command] });
  assert.equal(quiet.err, "error DISK_FULL: Cannot write\n");
});

Deno.test("warnings are bounded: the first are kept, the rest counted", async () => {
  const command = probe((ctx) => {
    for (let i = 0; i < 1000; i++) ctx.warn({ code: "ODD", message: String(i) });
    return Promise.resolve({ data: {} });
  });
  const { envelope } = await poly(["probe", "--json"], { commands: [command] });
  assert.equal(envelope?.warnings?.length, 201);
  assert.deepEqual(envelope?.warnings?.at(-1), {
    code: "WARNINGS_DROPPED",
    message: "800 more warnings were dropped.",
  });
});

Deno.test("records precede the envelope, one JSON value a line", async () => {
  const command = probe((ctx) => {
    for (let i = 0; i < 3; i++) ctx.record({ i });
    return Promise.resolve({ data: {} });
  });
  const { out } = await poly(["probe", "--json"], { commands: [command] });
  const lines = out.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.slice(0, 3), [{ i: 0 }, { i: 1 }, { i: 2 }]);
  assert.equal(lines[3].schema, "poly-edge/1");
});

Deno.test("an OperationError keeps its code, message, hint, details and exit", async () => {
  for (const exit of [1, 2, 3, 4, 5] as const) {
    const error = new OperationError({
      code: "SOME_CODE",
      message: "Cannot do x as y: current value is z",
      hint: "do w",
      details: { a: 1 },
      exit,
    });
    const json = await poly(["probe", "--json"], { commands: [probe(failing(error))] });
    assert.equal(json.code, exit);
    assert.deepEqual(Object.keys(json.envelope ?? {}), ["schema", "command", "ok", "error", "meta"]);
    assert.deepEqual(json.envelope?.error, {
      code: "SOME_CODE",
      message: "Cannot do x as y: current value is z",
      hint: "do w",
      details: { a: 1 },
    });
    assert.equal(json.err, "");
    const people = await poly(["probe"], { commands: [probe(failing(error))] });
    assert.equal(people.code, exit);
    assert.equal(people.out, "");
    assert.equal(people.err, "error SOME_CODE: Cannot do x as y: current value is z\nhint: do w\n");
  }
});

Deno.test("a bug is INTERNAL, exit 1, without a stack unless the log level is debug", async () => {
  const bugs = [new TypeError("x is undefined"), new InvariantError("book crossed"), "thrown text"];
  for (const bug of bugs) {
    const command = [probe(failing(bug))];
    const plain = await poly(["probe"], { commands: command });
    assert.equal(plain.code, 1);
    assert.match(plain.err, /^error INTERNAL: /);
    assert.ok(!plain.err.includes("    at "), plain.err);
    const json = await poly(["probe", "--json"], { commands: command });
    assert.equal(json.envelope?.error?.code, "INTERNAL");
    assert.equal(json.out.trimEnd().split("\n").length, 1);
  }
  const debug = await poly(["probe", "--log-level", "debug"], { commands: [probe(failing(bugs[0]))] });
  assert.match(debug.err, /TypeError: x is undefined\n {4}at /);
});

Deno.test("a command's own exit code is the program's", async () => {
  const { code, envelope } = await poly(["probe", "--json"], {
    commands: [probe(() => Promise.resolve({ data: { left: ["a"] }, exit: 5 }))],
  });
  assert.equal(code, 5);
  assert.equal(envelope?.ok, true);
});

Deno.test("arguments arrive as strings, options as commander parsed them, globals do not leak in", async () => {
  let seen: unknown;
  const command = probe((_, args, options) => {
    seen = { args, options };
    return Promise.resolve({ data: {} });
  });
  await poly(["probe", "a", "--json", "b", "--size", "3", "--venue", "sim", "c"], { commands: [command] });
  assert.deepEqual(seen, { args: ["a", "b", "c"], options: { size: "3" } });
});

Deno.test("an option bound to a configuration key overrides file and --set and says so", async () => {
  let usdc = "";
  const action = (ctx: { config: { sizing: { usdc: string } } }) => {
    usdc = ctx.config.sizing.usdc;
    return Promise.resolve({ data: {} });
  };
  const command = probe(action, { configFlags: { size: "sizing.usdc" } });
  await poly(["probe", "--size", "7.5", "--set", "sizing.usdc=3"], { commands: [command] });
  assert.equal(usdc, "7.5");
  const wrong = await poly(["probe", "--size", "much"], { commands: [command] });
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /^error CONFIG_INVALID: .*sizing\.usdc.*"much" \(--size\)/);
});

Deno.test("a command that lets the abort reason through has stopped cleanly: exit 0", async () => {
  const controller = new AbortController();
  const command = probe((ctx) => {
    controller.abort(new DOMException("stopped by SIGINT", "AbortError"));
    return Promise.reject(ctx.signal.reason);
  });
  const { code, envelope } = await poly(["probe", "--json"], {
    commands: [command],
    signal: controller.signal,
  });
  assert.equal(code, 0);
  assert.equal(envelope?.ok, true);
  assert.equal(envelope?.warnings?.[0]?.code, "STOPPED");
});

Deno.test("a command that is stopped while something is left is done in part: exit 5, and what is left", async () => {
  for (const left of [true, false]) {
    const controller = new AbortController();
    const command = probe((ctx) => {
      const message = "One order may be open.";
      leavesBehind(
        ctx,
        "probe",
        () => left ? { code: "ORDERS_LEFT", message, data: { openAfter: null } } : null,
      );
      controller.abort(new DOMException("stopped by SIGINT", "AbortError"));
      return Promise.reject(ctx.signal.reason);
    });
    const options = { commands: [command], signal: controller.signal };
    const { code, envelope } = await poly(["probe", "--json"], options);
    assert.deepEqual(
      [code, envelope?.data],
      left ? [5, { stopped: true, openAfter: null }] : [0, {
        stopped: true,
      }],
    );
    const codes = envelope?.warnings?.map((warning) => warning.code);
    assert.deepEqual(codes, left ? ["STOPPED", "ORDERS_LEFT"] : ["STOPPED"]);
  }
});

Deno.test("a failure after the signal is still a failure", async () => {
  const controller = new AbortController();
  controller.abort(new DOMException("stopped by SIGINT", "AbortError"));
  const error = new OperationError({ code: "SOME_CODE", message: "Cannot flush" });
  const { code } = await poly(["probe"], { commands: [probe(failing(error))], signal: controller.signal });
  assert.equal(code, 1);
});

Deno.test("stdout that cannot be written is OUTPUT_WRITE_FAILED on stderr, exit 1", async () => {
  const stdout = () => {
    throw new OperationError({
      code: "OUTPUT_WRITE_FAILED",
      message: "Cannot write the output as text to stdout: full",
    });
  };
  for (const argv of [["probe"], ["probe", "--json"]]) {
    const command = probe(() => Promise.resolve({ data: {}, text: "result" }));
    const { code, err } = await poly(argv, { commands: [command], stdout });
    assert.equal(code, 1);
    assert.match(err, /^error OUTPUT_WRITE_FAILED: /);
  }
});

Deno.test("colour is off when stdout is no terminal", async () => {
  let color = true;
  const command = probe((ctx) => {
    color = ctx.color || ctx.interactive;
    return Promise.resolve({ data: {} });
  });
  await poly(["probe"], { commands: [command] });
  assert.equal(color, false);
});

Deno.test("--proxy is refused by a command that would ignore it, and only when it goes to the network", async () => {
  const net = probe(async (ctx) => ({ data: { name: (await ctx.venue()).profile.name } }));
  const refused = await poly(["probe", "--json", "--proxy", "http://127.0.0.1:3128"], { commands: [net] });
  assert.equal(refused.code, 2);
  assert.equal(refused.envelope?.error?.code, "PROXY_UNSUPPORTED");
  const local = await poly(["probe", "--proxy", "http://127.0.0.1:3128"], { commands: [probe(done({}))] });
  assert.equal(local.code, 0);
  const able = probe(async (ctx) => ({ data: { name: (await ctx.venue()).profile.name } }), { proxy: true });
  assert.equal((await poly(["probe", "--proxy", "http://127.0.0.1:3128"], { commands: [able] })).code, 0);
});

Deno.test("examples() names the program on every line", () => {
  assert.equal(examples(["a", "b --c"]), "\nExamples:\n  $ poly-edge a\n  $ poly-edge b --c\n");
});
