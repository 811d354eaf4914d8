/** Exact comparison of decimal texts: settlement prices carry 18 decimals, more than a double holds. */

function scaled(text: string): { digits: bigint; decimals: number } | null {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text.trim());
  if (match === null) return null;
  const fraction = match[3] ?? "";
  const digits = BigInt(match[2]! + fraction);
  return { digits: match[1] === "-" ? -digits : digits, decimals: fraction.length };
}

/** -1, 0 or 1 as a < b, a = b, a > b; NaN when either is not a plain decimal. */
export function compareDecimals(a: string, b: string): number {
  const left = scaled(a);
  const right = scaled(b);
  if (left === null || right === null) return NaN;
  const decimals = Math.max(left.decimals, right.decimals);
  const x = left.digits * 10n ** BigInt(decimals - left.decimals);
  const y = right.digits * 10n ** BigInt(decimals - right.decimals);
  return x < y ? -1 : x > y ? 1 : 0;
}
