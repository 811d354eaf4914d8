/** What a unit of the exchange model assumes, in a form that reports can print. */

/** One assumption in force. */
export interface Assumption {
  /** Which part of the venue it stands for: `queue`, `order latency`, `settlement`, ... */
  readonly unit: string;
  /** The variant chosen. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, number | string | boolean>>;
  /** Which way it errs, in one sentence. */
  readonly errs: string;
}

/** One assumption as a line: `queue: lastInQueue`, `order latency: constant (ms 50)`. */
export function assumptionText({ unit, name, parameters }: Assumption): string {
  const shown = Object.entries(parameters).map(([key, value]) => `${key} ${value}`).join(", ");
  return `${unit}: ${name}${shown === "" ? "" : ` (${shown})`}`;
}
