/**
 * Protocol Buffers' wire format, as far as ONNX needs it (https://protobuf.dev/programming-guides/encoding, 2026-11-21):
 * varints, 32- and 64-bit words, byte strings. The reader trusts nothing: every length is checked against what is left,
 * and nothing is copied.
 */
import { OperationError } from "../../core/errors.ts";

export const VARINT = 0;
export const WORD64 = 1;
export const BYTES = 2;
export const WORD32 = 5;

/** What is wrong with an ONNX file. */
export const badOnnx = (what: string): OperationError =>
  new OperationError({
    code: "ONNX_INVALID",
    message: `Cannot read the file as an ONNX model: ${what}`,
    hint: "Export it again; docs/models.md says what is read.",
  });

/** One field of a message: its number, wire type, and its content (a number for varints, else bytes). */
export interface Field {
  readonly number: number;
  readonly wire: number;
  /** Varints only; exact up to 2^53, 64-bit negatives come as negative numbers. */
  readonly value: number;
  /** Byte strings and words. */
  readonly bytes: Uint8Array;
}

const NONE = new Uint8Array(0);

/** A varint at `at`; its end is left in `end`. A lone result object, because a tuple for each would cost more than the rest. */
const read = { value: 0, end: 0 };

function varint(data: Uint8Array, at: number): void {
  let low = 0;
  let high = 0;
  for (let i = 0; i < 10; i++) {
    const byte = data[at + i];
    if (byte === undefined) throw badOnnx("it ends inside a number");
    const bits = byte & 127;
    if (i < 4) low += bits * 2 ** (7 * i);
    else high += bits * 2 ** (7 * (i - 4));
    if (byte < 128) {
      // low holds 28 bits, high the next 36: together 64, as two's complement.
      const negative = high >= 2 ** 35;
      read.value = low + (negative ? high % 2 ** 36 - 2 ** 36 : high) * 2 ** 28;
      read.end = at + i + 1;
      return;
    }
  }
  throw badOnnx("a number is longer than ten bytes");
}

/** The fields of one message, in their order. Throws ONNX_INVALID for what is no message. */
export function* fieldsOf(data: Uint8Array): Generator<Field> {
  let at = 0;
  while (at < data.length) {
    varint(data, at);
    const tag = read.value;
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    at = read.end;
    if (!(number >= 1 && number < 2 ** 29)) throw badOnnx(`a field has the number ${number}`);
    if (wire === VARINT) {
      varint(data, at);
      at = read.end;
      yield { number, wire, value: read.value, bytes: NONE };
      continue;
    }
    let length = wire === WORD64 ? 8 : 4;
    if (wire === BYTES) {
      varint(data, at);
      at = read.end;
      length = read.value;
    } else if (wire !== WORD64 && wire !== WORD32) throw badOnnx(`a field has the wire type ${wire}`);
    if (!(length >= 0 && length <= data.length - at)) {
      throw badOnnx(`field ${number} is ${length} bytes long, ${data.length - at} are left`);
    }
    yield { number, wire, value: 0, bytes: data.subarray(at, at + length) };
    at += length;
  }
}

const strict = new TextDecoder("utf-8", { fatal: true });

/** A string field of at most `most` bytes. */
export function textOf(field: Field, most = 1024): string {
  if (field.wire !== BYTES) throw badOnnx(`field ${field.number} is no text`);
  if (field.bytes.length > most) throw badOnnx(`a name is ${field.bytes.length} bytes long`);
  try {
    return strict.decode(field.bytes);
  } catch {
    throw badOnnx("a name is no UTF-8");
  }
}

/** Numbers of a repeated varint field, packed or not. */
export function varintsOf(field: Field, into: number[], most = 1_000_000): void {
  if (field.wire === VARINT) into.push(field.value);
  else if (field.wire === BYTES) {
    for (let at = 0; at < field.bytes.length; at = read.end) {
      varint(field.bytes, at);
      into.push(read.value);
      if (into.length > most) break;
    }
  } else throw badOnnx(`field ${field.number} holds no whole numbers`);
  if (into.length > most) throw badOnnx(`field ${field.number} holds more than ${most} numbers`);
}

/** A message being written; append-only. */
export class Writer {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  #push(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  #varint(value: number): void {
    const out: number[] = [];
    let left = BigInt.asUintN(64, BigInt(value));
    while (left > 127n) {
      out.push(Number(left & 127n) | 128);
      left >>= 7n;
    }
    this.#push(Uint8Array.from([...out, Number(left)]));
  }

  int(field: number, value: number): this {
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#varint(field * 8 + WORD32);
    const word = new DataView(new ArrayBuffer(4));
    word.setFloat32(0, value, true);
    this.#push(new Uint8Array(word.buffer));
    return this;
  }

  bytes(field: number, content: Uint8Array): this {
    this.#varint(field * 8 + BYTES);
    this.#varint(content.length);
    this.#push(content);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, write: (inner: Writer) => void): this {
    const inner = new Writer();
    write(inner);
    return this.bytes(field, inner.finish());
  }

  finish(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}
