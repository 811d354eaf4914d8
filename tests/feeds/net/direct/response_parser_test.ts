import assert from "node:assert/strict";
import fc from "fast-check";
import { type ParseStep, ResponseParser } from "../../../../feeds/net/direct/response_parser.ts";

const MAX = 200;
const encoder = new TextEncoder();
/** Each character a byte. */
const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

interface Read {
  readonly kind: string;
  readonly status: number | null;
  readonly headers: readonly (readonly [string, string])[];
  readonly text: string;
  readonly reusable: boolean;
  /** Bytes taken before it was over. */
  readonly taken: number;
}

function summary(step: ParseStep, status: number | null, taken: number): Read {
  return step.kind === "done"
    ? {
      kind: "done",
      status: step.answer.status,
      headers: [...step.answer.headers],
      text: step.answer.text,
      reusable: step.reusable,
      taken,
    }
    : {
      kind: step.kind === "bad" ? step.why : "more",
      status,
      headers: [],
      text: "",
      reusable: false,
      taken,
    };
}

/** Reads `bytes` in pieces that end at `cuts`, then the end of the connection when nothing was decided. */
function read(bytes: Uint8Array, cuts: readonly number[] = []): Read {
  const parser = new ResponseParser(MAX);
  // One buffer for all pieces, as a connection has: nothing of an earlier piece may be used later.
  const buffer = new Uint8Array(bytes.length);
  let from = 0;
  for (const to of [...cuts.filter((cut) => cut < bytes.length), bytes.length].toSorted((a, b) => a - b)) {
    buffer.fill(0xff).set(bytes.subarray(from, to));
    const step = parser.push(buffer.subarray(0, to - from));
    from = to;
    if (step.kind !== "more") return summary(step, parser.status, to);
  }
  return summary(parser.end(), parser.status, from);
}

const head = (...lines: string[]) => `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
const CHUNKED = "transfer-encoding: chunked";

/** What, the bytes, the text, and whether another request may follow. */
const GOOD: readonly (readonly [string, string, string, boolean])[] = [
  ["a length", `${head("Content-Length: 5")}hello`, "hello", true],
  ["no body", head("content-length: 0"), "", true],
  ["a length said twice alike", `${head("content-length: 2", "Content-Length: 2")}hi`, "hi", true],
  ["chunks", `${head(CHUNKED)}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`, "hello world", true],
  [
    "extensions and trailers",
    `${head("Transfer-Encoding: Chunked")}5;a=b;c="d"\r\nhello\r\n0;x\r\nx-y: z\r\n\r\n`,
    "hello",
    true,
  ],
  ["hexadecimal sizes", `${head(CHUNKED)}0A\r\n0123456789\r\n00\r\n\r\n`, "0123456789", true],
  ["letters across chunks", `${head(CHUNKED)}1\r\n\xc3\r\n1\r\n\xa4\r\n0\r\n\r\n`, "ä", true],
  ["204 without a body", "HTTP/1.1 204 No Content\r\n\r\n", "", true],
  ["304 with another's length", "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", "", true],
  [
    "interim answers",
    `HTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 103 X\r\ncontent-length: 4\r\n\r\n${
      head("content-length: 1")
    }a`,
    "a",
    true,
  ],
  ["no reason", "HTTP/1.1 400\r\ncontent-length: 2\r\n\r\nno", "no", true],
  ["the last on its connection", `${head("content-length: 1", "connection: x, Close")}a`, "a", false],
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", "a", false],
  ["until the connection's end", `${head()}all of it`, "all of it", false],
  ["identity", `${head("content-encoding: identity", "content-length: 1")}a`, "a", true],
  ["a byte beyond ASCII in a header", `${head("x: \xe4", "content-length: 1")}a`, "a", true],
];

for (const [name, text, body, reusable] of GOOD) {
  Deno.test(`an answer is read whole and alike however it is cut: ${name}`, () => {
    const bytes = bytesOf(text);
    const whole = read(bytes);
    assert.equal(whole.kind, "done");
    assert.deepEqual([whole.text, whole.reusable], [body, reusable]);
    const every = Array.from({ length: bytes.length }, (_, at) => at);
    assert.deepEqual(read(bytes, every), whole);
    for (const cut of every) assert.deepEqual(read(bytes, [cut]), whole);
  });

  Deno.test(`an answer cut short is no answer: ${name}`, () => {
    const bytes = bytesOf(text);
    const bodyFrom = name.startsWith("until") ? bytes.length - body.length : bytes.length;
    for (let length = 0; length < bodyFrom; length++) {
      assert.equal(read(bytes.subarray(0, length)).kind, "truncated", `${length} of ${bytes.length} bytes`);
    }
  });
}

const BAD: readonly (readonly [string, string, string?])[] = [
  ["noise", "\0\x01 SSH-2.0-x\r\n\r\n"],
  ["an empty line first", `\r\n${head("content-length: 0")}`],
  ["HTTP/2", "HTTP/2 200 OK\r\n\r\n"],
  ["HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"],
  ["a status beyond 599", "HTTP/1.1 600 OK\r\n\r\n"],
  ["another protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
  ["bare line feeds", "HTTP/1.1 200 OK\ncontent-length: 0\n\n"],
  ["a bare carriage return", head("x: a\rb")],
  ["a zero byte in a header", head("x: a\0b")],
  ["a header without a colon", head("nonsense")],
  ["a header without a name", head(": x")],
  ["a blank before the colon", head("content-length : 0")],
  ["a folded header", head("x: a", " b")],
  ["lengths that differ", `${head("content-length: 1", "content-length: 2")}ab`],
  ["lengths that differ in a list", `${head("content-length: 1, 2")}ab`],
  ["a length with a sign", `${head("content-length: +1")}a`],
  ["a negative length", head("content-length: -1")],
  ["an empty length", head("content-length:")],
  ["a length that no number holds", head(`content-length: ${"9".repeat(30)}`)],
  ["a length and chunks", `${head("content-length: 1", CHUNKED)}1\r\na\r\n0\r\n\r\n`],
  ["another transfer-encoding", head("transfer-encoding: gzip, chunked")],
  ["chunks said twice", head(CHUNKED, CHUNKED)],
  ["chunks in HTTP/1.0", `HTTP/1.0 200 OK\r\n${CHUNKED}\r\n\r\n0\r\n\r\n`],
  ["a chunk without a size", `${head(CHUNKED)}\r\n`],
  ["a chunk's size with a sign", `${head(CHUNKED)}+1\r\na\r\n`],
  ["a chunk longer than its size", `${head(CHUNKED)}1\r\nab\r\n0\r\n\r\n`],
  ["a chunk's line without an end", `${head(CHUNKED)}1;${"x".repeat(2000)}`],
  ["a trailer that is none", `${head(CHUNKED)}0\r\nnonsense\r\n\r\n`],
  ["a gzip body", `${head("content-encoding: gzip", "content-length: 1")}a`],
  ["a head that does not end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}`],
  ["many headers", head(...Array.from({ length: 4000 }, (_, at) => `x-${at}: 0123456789`))],
  ["interim answers without end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(4000)],
  ["trailers without end", `${head(CHUNKED)}0\r\n${"x: yyyyyyyyyyyyyyyy\r\n".repeat(4000)}`],
  ["a length beyond the limit", head(`content-length: ${MAX + 1}`), "too-large"],
  ["a chunk beyond the limit", `${head(CHUNKED)}ffffffff\r\n`, "too-large"],
  ["chunks beyond the limit", `${head(CHUNKED)}${`64\r\n${"x".repeat(100)}\r\n`.repeat(3)}`, "too-large"],
  ["a body without end", `${head()}${"x".repeat(MAX + 1)}`, "too-large"],
];

for (const [name, text, why = "malformed"] of BAD) {
  Deno.test(`what is no answer is refused, in one piece and in many: ${name}`, () => {
    const bytes = bytesOf(text);
    assert.equal(read(bytes).kind, why);
    const thirds = [Math.floor(bytes.length / 3), Math.floor((bytes.length * 2) / 3)];
    assert.equal(read(bytes, thirds).kind, why);
    if (bytes.length < 5000) assert.equal(read(bytes, Array.from(bytes, (_, at) => at)).kind, why);
  });
}

Deno.test("the status is known when the head is, and is that of the final answer", () => {
  const parser = new ResponseParser(MAX);
  parser.push(bytesOf("HTTP/1.1 100 Continue\r\n\r\n"));
  assert.equal(parser.status, null);
  parser.push(bytesOf("HTTP/1.1 425 Too Early\r\n"));
  assert.equal(parser.status, 425);
});

Deno.test("headers are found whatever their case, and those given twice are joined", () => {
  const parser = new ResponseParser(MAX);
  const step = parser.push(bytesOf(head("X-A:  1 \t", "x-a: 2", "Retry-After:3", "content-length: 0")));
  assert.ok(step.kind === "done");
  assert.equal(step.answer.headers.get("X-a"), "1, 2");
  assert.equal(step.answer.headers.get("retry-after"), "3");
});

Deno.test("bytes after an answer are not part of it, and end the connection's use", () => {
  const once = `${head("content-length: 2")}hi`;
  for (const text of [once + once, `${once}x`, `${head(CHUNKED)}2\r\nhi\r\n0\r\n\r\n\r\n`]) {
    const { kind, reusable, text: body } = read(bytesOf(text));
    assert.deepEqual([kind, body, reusable], ["done", "hi", false]);
  }
});

const cuts = fc.array(fc.nat(400), { maxLength: 20 });
const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
const value = fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?$/);
const FRAMING = new Set(["content-length", "transfer-encoding", "content-encoding", "connection"]);

Deno.test("property: whatever a server says, and however it is cut, that is what is read", () => {
  const answers = fc.record({
    status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
    headers: fc.array(fc.tuple(token.filter((name) => !FRAMING.has(name)), value), { maxLength: 6 }),
    body: fc.string({ unit: "binary", maxLength: 40 }),
    framing: fc.constantFrom("length", "chunked", "end"),
    chunk: fc.integer({ min: 1, max: 50 }),
    cuts,
  });
  fc.assert(fc.property(answers, ({ status, headers, body, framing, chunk, cuts }) => {
    const raw = encoder.encode(body);
    const chunks: number[] = [];
    for (let at = 0; framing === "chunked" && at < raw.length; at += chunk) {
      const part = raw.subarray(at, at + chunk);
      chunks.push(...encoder.encode(`${part.length.toString(16)}\r\n`), ...part, 13, 10);
    }
    if (framing === "chunked") chunks.push(...encoder.encode("0\r\n\r\n"));
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const frame = framing === "length"
      ? `content-length: ${raw.length}\r\n`
      : framing === "chunked"
      ? `${CHUNKED}\r\n`
      : "";
    const top = encoder.encode(`HTTP/1.1 ${status} Some words\r\n${lines}${frame}\r\n`);
    const bytes = Uint8Array.from([...top, ...(framing === "chunked" ? chunks : raw)]);
    const got = read(bytes, cuts);
    assert.deepEqual([got.kind, got.status, got.reusable], ["done", status, framing !== "end"]);
    assert.equal(got.text, new TextDecoder().decode(raw));
    const expected = new Headers(headers as [string, string][]);
    assert.deepEqual(got.headers.filter(([name]) => !FRAMING.has(name)), [...expected]);
  }));
});

Deno.test("property: answers with bytes changed, lost or added end in one verdict, the same for every cut", () => {
  const samples = [
    ...GOOD.map(([, text]) => text),
    ...BAD.map(([, text]) => text).filter((text) => text.length < 500),
  ];
  const change = fc.record({ at: fc.nat(400), remove: fc.nat(3), add: fc.uint8Array({ maxLength: 3 }) });
  const cases = fc.record({
    text: fc.constantFrom(...samples),
    changes: fc.array(change, { minLength: 1, maxLength: 4 }),
    cuts,
  });
  fc.assert(
    fc.property(cases, ({ text, changes, cuts }) => {
      const bytes = [...bytesOf(text)];
      for (const { at, remove, add } of changes) bytes.splice(at % bytes.length, remove, ...add);
      const whole = read(Uint8Array.from(bytes));
      const pieces = read(Uint8Array.from(bytes), cuts);
      assert.ok(["done", "malformed", "too-large", "truncated"].includes(whole.kind));
      // What comes after an answer is seen only when it comes in the same piece.
      const { reusable: _a, taken: _b, ...first } = whole;
      const { reusable: _c, taken: _d, ...second } = pieces;
      assert.deepEqual(second, first);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("property: noise never throws, and is no answer", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), cuts, (bytes, cuts) => {
    assert.notEqual(read(bytes, cuts).kind, "done");
  }));
});
