import assert from "node:assert/strict";
import { promptSecret, type Terminal } from "../../../feeds/keys/prompt.ts";
import { readPassphrase } from "../../../feeds/keys/key_source.ts";

/** A terminal at which the given pieces are typed; afterwards input ends. */
function typing(...pieces: string[]) {
  const written: string[] = [];
  const raw: boolean[] = [];
  const terminal: Terminal = {
    isTerminal: true,
    setRaw: (on) => void raw.push(on),
    read: () => {
      const piece = pieces.shift();
      return Promise.resolve(piece === undefined ? null : new TextEncoder().encode(piece));
    },
    write: (text) => void written.push(text),
  };
  return { terminal, written, raw };
}

const never = new AbortController().signal;

Deno.test("a prompt reads what is typed in raw mode and writes none of it", async () => {
  const { terminal, written, raw } = typing("cor", "rect hörse", "\r");
  const line = await promptSecret(terminal, "Passphrase", never);
  assert.equal(line.reveal(), "correct hörse");
  assert.deepEqual(written, ["Passphrase: ", "\n"]);
  assert.deepEqual(raw, [true, false]);
});

Deno.test("backspace takes a whole character, Ctrl-U the line; enter or Ctrl-D end it", async () => {
  const rows: [string, string][] = [
    ["abx\x7fc\n", "abc"],
    ["abö\x7f\bc\r", "ac"],
    ["\x7f\x7fab\r", "ab"],
    ["wrong\x15right\x04", "right"],
    ["\r", ""],
  ];
  for (const [keys, line] of rows) {
    assert.equal((await promptSecret(typing(keys).terminal, "Q", never)).reveal(), line);
  }
});

Deno.test("Ctrl-C, the end of input and a signal leave the prompt, and the terminal as it was", async () => {
  for (const given of [["abc\x03"], ["abc"], []]) {
    const { terminal, raw } = typing(...given);
    await assert.rejects(promptSecret(terminal, "Q", never), { code: "ABORTED" });
    assert.deepEqual(raw, [true, false]);
  }
  const stop = new AbortController();
  const waiting = typing();
  const stuck = Promise.withResolvers<Uint8Array | null>();
  const asked = promptSecret({ ...waiting.terminal, read: () => stuck.promise }, "Q", stop.signal);
  stop.abort();
  await assert.rejects(asked, { code: "ABORTED" });
  assert.deepEqual(waiting.raw, [true, false]);
  stuck.resolve(null);
  await assert.rejects(promptSecret(waiting.terminal, "Q", stop.signal), { code: "ABORTED" });
});

Deno.test("a new passphrase is asked twice and must be the same", async () => {
  const ask = (...keys: string[]) =>
    readPassphrase({ env: () => undefined, terminal: typing(...keys).terminal, signal: never }, null, true);
  assert.equal((await ask("correct horse\r", "correct horse\r")).reveal(), "correct horse");
  await assert.rejects(ask("correct horse\r", "correct house\r"), { code: "PASSPHRASE_MISMATCH", exit: 2 });
});

Deno.test("the environment is asked before the terminal; without either nothing is guessed", async () => {
  const env = (name: string) => name === "POLY_EDGE_PASSPHRASE" ? "from the environment" : undefined;
  const { terminal, written } = typing();
  assert.equal(
    (await readPassphrase({ env, terminal, signal: never }, null)).reveal(),
    "from the environment",
  );
  assert.deepEqual(written, []);
  for (const nobody of [null, { ...terminal, isTerminal: false }]) {
    const input = { env: () => undefined, terminal: nobody, signal: never };
    await assert.rejects(readPassphrase(input, null), { code: "SECRET_MISSING", exit: 2 });
  }
});
