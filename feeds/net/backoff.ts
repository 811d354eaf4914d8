/** Waiting times between attempts. */

export interface BackoffLimits {
  /** Ceiling of the first wait, ms. */
  readonly firstMs: number;
  /** Ceiling of every later wait, ms. */
  readonly maxMs: number;
}

/** Sockets: 1 s doubling to 30 s (polymarket dossier 8.1: "1006 backoff 1-30 s full jitter"). */
export const SOCKET_BACKOFF: BackoffLimits = { firstMs: 1000, maxMs: 30_000 };

/**
 * Full jitter: uniform in 0..ceiling, the ceiling doubling with every failed attempt. Full rather than partial jitter,
 * because after a venue restart thousands of clients come back and only a spread over the whole range flattens them.
 * `attempt` counts from 0; `random` gives 0..1.
 */
export function backoffMs(
  attempt: number,
  random: () => number,
  limits: BackoffLimits = SOCKET_BACKOFF,
): number {
  const ceiling = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(Math.max(attempt, 0), 30));
  return Math.floor(random() * ceiling);
}
