/** Lines of an HTTP/1.1 head, already without their CR LF. */

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
/** A name is a token and ends at the colon; a value holds no control characters (RFC 9110 5.1, 5.5). */
const HEADER_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/;

/** Null when it is none. */
export function parseStatusLine(line: string): { readonly minor: number; readonly status: number } | null {
  const found = STATUS_LINE.exec(line);
  return found === null ? null : { minor: Number(found[1]), status: Number(found[2]) };
}

/** Name and trimmed value; null for anything else, folded lines included. */
export function parseHeaderLine(line: string): readonly [string, string] | null {
  const found = HEADER_LINE.exec(line);
  return found === null ? null : [found[1] ?? "", (found[2] ?? "").replace(/[\t ]+$/, "")];
}

/** `Content-Length`, also when given several times alike (RFC 9112 6.3); null when absent. */
export function lengthOf(value: string | null): number | null | "bad" {
  if (value === null) return null;
  const each = value.split(",").map((text) => text.trim());
  const [first = ""] = each;
  return /^\d{1,15}$/.test(first) && each.every((text) => text === first) ? Number(first) : "bad";
}

/** The words of a list header, in lower case. */
export const tokensOf = (value: string | null): readonly string[] =>
  value === null ? [] : value.split(",").map((word) => word.trim().toLowerCase());
