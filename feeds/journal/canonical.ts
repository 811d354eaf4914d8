/**
 * One spelling of a JSON value: keys sorted by code unit, no spaces, numbers as JavaScript writes them (RFC 8785 for the
 * values we use). The hash chain needs the same bytes for the same value.
 */
import { invariant } from "../../core/errors.ts";

/** Canonical JSON of plain data. Absent and `undefined` members are the same; NaN, Infinity, bigint and objects with behaviour are bugs. */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "boolean":
      return value ? "true" : "false";
    case "number":
      invariant(Number.isFinite(value), `${value} has no JSON spelling`);
      return JSON.stringify(value);
    case "object":
      break;
    default:
      invariant(false, `a ${typeof value} has no JSON spelling`);
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const prototype = Object.getPrototypeOf(value);
  invariant(prototype === Object.prototype || prototype === null, "only plain objects are journalled");
  const fields = value as Record<string, unknown>;
  const parts: string[] = [];
  for (const key of Object.keys(fields).sort()) {
    if (fields[key] !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(fields[key])}`);
  }
  return `{${parts.join(",")}}`;
}
