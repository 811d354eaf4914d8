/** A request as the bytes of one write: head and body together. */
import type { DirectRequest } from "./types.ts";

const encoder = new TextEncoder();
const TARGET = /^\/[\x21-\x7e]*$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const MAX_NAMES = 64;
const VALUE = /^[\x20-\x7e]*$/;

/**
 * Tells why a request cannot be written as HTTP, without the value that may be secret; null when it can. A line break in a
 * header would be a second request. Made once for a pool: most values are the same in every request, and are looked at once.
 */
export function requestCheck(): (request: DirectRequest) => string | null {
  const good = new Map<string, string>();
  const isGood = (name: string, value: string): boolean => {
    if (good.get(name) === value) return true;
    if (!NAME.test(name) || !VALUE.test(value)) return false;
    if (good.size >= MAX_NAMES) good.clear();
    good.set(name, value);
    return true;
  };
  return ({ target, headers }) => {
    if (!TARGET.test(target)) return "its path holds characters that HTTP forbids";
    for (const name in headers) {
      if (!isGood(name, headers[name] ?? "")) {
        return `its header ${name.slice(0, 40)} holds characters that HTTP forbids`;
      }
    }
    return null;
  };
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
