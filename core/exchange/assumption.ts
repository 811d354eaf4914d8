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

/** The variant with its parameters: `lastInQueue`, `constant (ms 50)`. */
export function assumptionValue({ name, parameters }: Omit<Assumption, "unit" | "errs">): string {
  const shown = Object.entries(parameters).map(([key, value]) => `${key} ${value}`).join(", ");
  return `${name}${shown === "" ? "" : ` (${shown})`}`;
}
