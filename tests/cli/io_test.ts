import assert from "node:assert/strict";
import fc from "fast-check";
import { sinkOver } from "../../commands/io.ts";
import { OperationError } from "../../core/errors.ts";

/** A writer that takes at most `chunk` bytes a time and first throws each of `errors`. */
function writerOf(chunk: number, errors: Error[] = []) {
  const bytes: number[] = [];
  return {
    isTerminal: () => false,
    writeSync(part: Uint8Array): number {
      const error = errors.shift();
      if (error !== undefined) throw error;
      const taken = part.subarray(0, chunk);
      bytes.push(...taken);
      return taken.length;
    },
    text: () => new TextDecoder().decode(new Uint8Array(bytes)),
  };
}

Deno.test("a sink writes everything, however little the pipe takes at a time", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.integer({ min: 1, max: 7 }),
      (text, chunk) => {
        const writer = writerOf(chunk);
        sinkOver(writer, "stdout", () => {}).write(text);
        assert.equal(writer.text(), text);
      },
    ),
  );
});

Deno.test("a pipe that is full for a moment is waited for", () => {
  const writer = writerOf(2, [new Deno.errors.WouldBlock("full"), new Deno.errors.WouldBlock("full")]);
  sinkOver(writer, "stdout", () => {}).write("abcdef");
  assert.equal(writer.text(), "abcdef");
});

Deno.test("a reader that has gone is told once, and writing goes on silently", () => {
  let told = 0;
  const writer = writerOf(9, [new Deno.errors.BrokenPipe("gone")]);
  const sink = sinkOver(writer, "stdout", () => told++);
  sink.write("abc");
  sink.write("def");
  assert.equal(told, 1);
  assert.equal(writer.text(), "");
});

Deno.test("any other failure is OUTPUT_WRITE_FAILED with its reason", () => {
  const sink = sinkOver(writerOf(9, [new Error("No space left on device")]), "stdout", () => {});
  assert.throws(() => sink.write("abc"), (error) => {
    assert.ok(error instanceof OperationError);
    assert.equal(error.code, "OUTPUT_WRITE_FAILED");
    assert.match(error.message, /to stdout: No space left on device$/);
    return error.exit === 1;
  });
});
