/** Text of command-line options to values, with errors that say what was wrong (USAGE, exit 2). */
import { OperationError } from "../core/errors.ts";
import { type Asset, ASSETS, type Duration, DURATIONS } from "../core/market/instrument.ts";
import { type Ms, ms, parseDecimal, type Usdc, usdc } from "../core/units.ts";

function usage(text: unknown, option: string, what: string, example: string): OperationError {
  return new OperationError({
    code: "USAGE",
    message: `Cannot read ${option} as ${what}: current value is ${String(text)}`,
    hint: `For example: ${option} ${example}`,
    details: { option, value: String(text) },
    exit: 2,
  });
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `250ms`, `30s`, `5m`, `1h`, `1.5h`, `2d` as milliseconds, at least 1. `option` names the flag in the error. */
export function parseSpan(text: string, option: string): Ms {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  const value = match === null ? NaN : Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? NaN));
  if (!Number.isSafeInteger(value) || value < 1) {
    throw usage(text, option, "a duration", "30s (250ms, 5m, 1h)");
  }
  return ms(value);
}

/** `12.5` as 12.50 pUSD in millionths, zero or more. */
export function parseMoney(text: string, option: string): Usdc {
  const value = parseDecimal(text.trim(), 6);
  if (!(value >= 0)) throw usage(text, option, "an amount of pUSD", "12.5");
  return usdc(value);
}

/** A whole number from `min` to `max`. */
export function parseCount(text: string, option: string, min = 1, max = 1_000_000_000): number {
  const value = /^-?\d+$/.test(text.trim()) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    throw usage(text, option, `a whole number from ${min} to ${max}`, String(min));
  }
  return value;
}

/** A plain number from `min` to `max`, such as `--speed 15` or `--fraction 0.02`. */
export function parseNumber(text: string, option: string, min = -Infinity, max = Infinity): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    const range = min === -Infinity && max === Infinity ? "a number" : `a number from ${min} to ${max}`;
    throw usage(text, option, range, Number.isFinite(min) ? String(min) : "1");
  }
  return value;
}

function parseList<T extends string>(text: string, known: readonly T[], option: string, what: string): T[] {
  const names = text.split(",").map((name) => name.trim().toLowerCase()).filter((name) => name !== "");
  const chosen = known.filter((name) => names.includes(name));
  const allKnown = names.every((name) => known.some((item) => item === name));
  if (names.length === 0 || !allKnown) {
    throw usage(text, option, `${what} (${known.join(", ")})`, known.slice(0, 2).join(","));
  }
  return chosen;
}

/** `btc,eth` in the order of ASSETS, without repeats. */
export const parseAssets = (text: string, option = "--asset"): Asset[] =>
  parseList(text, ASSETS, option, "a list of assets");

/** `5m,15m` in the order of DURATIONS, without repeats. */
export const parseWindows = (text: string, option = "--duration"): Duration[] =>
  parseList(text, DURATIONS, option, "a list of window lengths");
