/** Figures as people read them in a report. Pure; times are UTC, always. */
import { formatPrice, MICRO, type Price } from "../../core/units.ts";

/** Shown for "not known". */
export const DASH = "–";

const grouped = (text: string): string => text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");

/** A number with `digits` decimals and grouped thousands; the true minus sign, so that columns align. */
export function decimal(value: number | null, digits: number): string {
  if (value === null || !Number.isFinite(value)) return DASH;
  const [whole = "0", rest] = Math.abs(value).toFixed(digits).split(".");
  const text = rest === undefined ? grouped(whole) : `${grouped(whole)}.${rest}`;
  return value < 0 && /[1-9]/.test(text) ? `−${text}` : text;
}

/** pUSD millionths as "1,234.50". */
export const money = (value: number | null): string => value === null ? DASH : decimal(value / MICRO, 2);

/** As `money`, with the sign of a gain written out. */
export const signedMoney = (value: number | null): string => {
  const text = money(value);
  return value !== null && value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
};

/** Fees need four decimals: a typical one is a fraction of a cent. */
export const feeMoney = (value: number | null): string => value === null ? DASH : decimal(value / MICRO, 4);

/** Shares in millionths as "12.5". */
export const shareCount = (value: number): string => decimal(value / MICRO, 2);

/** A token price as the venue writes it. */
export const tokenPrice = (value: Price): string => formatPrice(value);

/** A count with grouped thousands. */
export const count = (value: number): string => decimal(value, 0);

/** 0.5321 as "53.2 %". */
export const percent = (value: number | null, digits = 1): string =>
  value === null ? DASH : `${decimal(value * 100, digits)} %`;

/** "2026-11-21 10:00:00" (UTC). */
export const dateTime = (ms: number | null): string =>
  ms === null ? DASH : new Date(ms).toISOString().slice(0, 19).replace("T", " ");

/** "10:00:00.123" (UTC). */
export const clockTime = (ms: number): string => new Date(ms).toISOString().slice(11, 23);

/** Microseconds in the unit that keeps the figure short: "840 µs", "1.25 ms", "2.10 s". */
export function micros(value: number): string {
  if (value < 1000) return `${decimal(value, value < 10 ? 1 : 0)} µs`;
  if (value < 1_000_000) return `${decimal(value / 1000, value < 10_000 ? 2 : 1)} ms`;
  return `${decimal(value / 1_000_000, 2)} s`;
}

/** A length of time: "42 s", "5 min 3 s", "2 h 10 min". */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
}

/** "gain", "loss" or "flat": the class that colours a figure (its sign is written too, so colour is never alone). */
export const tone = (value: number | null): string =>
  value === null || value === 0 ? "flat" : value > 0 ? "gain" : "loss";
