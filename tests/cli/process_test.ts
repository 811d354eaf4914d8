/** The program as a process: exit codes, signals, broken pipes. Loopback only; every wait has a deadline. */
import assert from "node:assert/strict";
import { ROOT } from "./harness.ts";

const PROBE = `${ROOT}tests/cli/probe_program.ts`;
const posix = Deno.build.os !== "windows";

function spawn(args: string[], script = PROBE): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", script, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", POLY_EDGE_CONFIG: `${ROOT}tests/cli/empty.toml` },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(20_000),
  }).spawn();
}

/** Reads stdout until `wanted` has come, leaving the rest to the returned reader. */
async function readUntil(stream: ReadableStream<Uint8Array>, wanted: string) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(wanted)) {
    const { value, done } = await reader.read();
    assert.ok(!done, `stdout ended before ${wanted}: ${text}`);
    text += value;
  }
  return {
    async rest(): Promise<string> {
      for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
      return text;
    },
    cancel: () => reader.cancel(),
  };
}

Deno.test("main.ts runs as a program and its exit code is the command's", async () => {
  const good = await spawn(["config", "path", "--json"], `${ROOT}main.ts`).output();
  assert.equal(good.code, 0);
  assert.equal(JSON.parse(new TextDecoder().decode(good.stdout)).ok, true);
  const bad = await spawn(["nonsense"], `${ROOT}main.ts`).output();
  assert.equal(bad.code, 2);
  assert.match(new TextDecoder().decode(bad.stderr), /^error USAGE: /);
});

Deno.test({
  name: "the first SIGINT or SIGTERM stops the command cleanly: exit 0, the envelope still last",
  ignore: !posix,
  async fn() {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const child = spawn(["wait", "--json"]);
      const output = await readUntil(child.stdout, `{"ready":true}`);
      child.kill(signal);
      const [text, status] = await Promise.all([output.rest(), child.status, child.stderr.cancel()]);
      assert.equal(status.code, 0, signal);
      const envelope = JSON.parse(text.trimEnd().split("\n").at(-1) ?? "");
      assert.equal(envelope.ok, true);
      assert.equal(envelope.data.stopped, `stopped by ${signal}`);
    }
  },
});

Deno.test({
  name: "the second signal leaves at once with 130",
  ignore: !posix,
  async fn() {
    const child = spawn(["stubborn"]);
    const output = await readUntil(child.stdout, "ready");
    child.kill("SIGINT");
    // The command prints this from its abort listener, so the first signal has been handled.
    const heard = output.rest();
    const second = setInterval(() => child.kill("SIGINT"), 50);
    const status = await child.status;
    clearInterval(second);
    assert.equal(status.code, 130);
    assert.match(await heard, /heard/);
    await child.stderr.cancel();
  },
});

Deno.test({
  name: "the second signal leaves at once with exit 5 and says what is left, when something is",
  ignore: !posix,
  async fn() {
    const child = spawn(["untidy", "--json"]);
    const output = await readUntil(child.stdout, `{"ready":true}`);
    const text = output.rest();
    child.kill("SIGINT");
    const second = setInterval(() => child.kill("SIGINT"), 50);
    const status = await child.status;
    clearInterval(second);
    await child.stderr.cancel();
    const envelope = JSON.parse((await text).trimEnd().split("\n").at(-1) ?? "");
    assert.equal(status.code, 5);
    assert.deepEqual(envelope.data, { stopped: true, openAfter: 2 });
    assert.deepEqual(envelope.warnings, [{ code: "ORDERS_LEFT", message: "Two orders may be open." }]);
  },
});

Deno.test({
  name: "a reader that goes away stops the command without a stack",
  ignore: !posix,
  async fn() {
    const child = spawn(["flood"]);
    const output = await readUntil(child.stdout, "xxx");
    await output.cancel();
    const [stderr, status] = await Promise.all([new Response(child.stderr).text(), child.status]);
    assert.equal(status.code, 0);
    assert.equal(stderr, "");
  },
});

Deno.test({
  name: "a full disk behind stdout is a clear error, exit 1",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const child = await new Deno.Command("sh", {
      args: ["-c", `"$0" run -A --no-prompt main.ts config show --json > /dev/full`, Deno.execPath()],
      cwd: ROOT,
      env: { NO_COLOR: "1", POLY_EDGE_CONFIG: `${ROOT}tests/cli/empty.toml` },
      stdin: "null",
    }).output();
    assert.equal(child.code, 1);
    const text = new TextDecoder().decode(child.stderr);
    assert.match(text, /^error OUTPUT_WRITE_FAILED: Cannot write the output as text to stdout: .*space/m);
    assert.ok(!text.includes("    at "));
  },
});

Deno.test("a bug outside the command's own promise is INTERNAL, exit 1, and the command is told to stop", async () => {
  const { code, stdout, stderr } = await spawn(["stray", "--json"]).output();
  assert.equal(code, 1);
  const envelope = JSON.parse(new TextDecoder().decode(stdout));
  assert.equal(envelope.error.code, "INTERNAL");
  assert.equal(envelope.error.message, "lost promise");
  assert.ok(!new TextDecoder().decode(stderr).includes("    at "));
});
