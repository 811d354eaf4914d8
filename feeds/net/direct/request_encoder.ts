/** A request as the bytes of one write: head and body together. */
import type { DirectRequest } from "./types.ts";

const encoder = new TextEncoder();
const TARGET = /^\/[\x21-\x7e]*$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\x20-\x7e]*$/;

/**
 * Why a request cannot be written as HTTP, without the value that may be secret; null when it can. A line break in a header
 * would be a second request.
 */
export function problemOf({ target, headers }: DirectRequest): string | null {
  if (!TARGET.test(target)) return "its path holds characters that HTTP forbids";
  for (const name in headers) {
    if (!NAME.test(name) || !VALUE.test(headers[name] ?? "")) {
      return `its header ${name.slice(0, 40)} holds characters that HTTP forbids`;
    }
  }
  return null;
}

function headOf(fixed: string, { method, target, headers, body }: DirectRequest, bodyBytes: number): string {
  let head = `${method} ${target} HTTP/1.1\r\n${fixed}`;
  for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
  return body === "" ? `${head}\r\n` : `${head}content-length: ${bodyBytes}\r\n\r\n`;
}

/**
 * Encodes into `buffer`, or into a larger one of its own; the result is valid until `buffer` is written again. `fixed` are
 * header lines with their CR LF, all ASCII.
 */
export function encodeRequest(fixed: string, request: DirectRequest, buffer: Uint8Array): Uint8Array {
  // Bodies are ASCII as a rule: then their length is that of the text, and one pass does.
  let head = headOf(fixed, request, request.body.length);
  let text = head + request.body;
  let into = buffer;
  let { read, written } = encoder.encodeInto(text, into);
  if (read < text.length) {
    into = new Uint8Array(text.length * 3);
    ({ read, written } = encoder.encodeInto(text, into));
  }
  const bodyBytes = written - head.length;
  if (bodyBytes !== request.body.length) {
    head = headOf(fixed, request, bodyBytes);
    text = head + request.body;
    if (into.length < head.length + bodyBytes) into = new Uint8Array(head.length + bodyBytes);
    ({ written } = encoder.encodeInto(text, into));
  }
  return into.subarray(0, written);
}
