/** The list of configuration keys: path, default, environment variable; and how text becomes a value. */
import { defaultConfig } from "./schema.ts";

/** Below this key any name is taken: the strategy checks its own parameters. */
export const OPEN_KEY = "strategy.params";

type Leaf = string | number | boolean | readonly unknown[];

function collect(value: object, prefix: string, into: Map<string, Leaf>): Map<string, Leaf> {
  for (const [name, child] of Object.entries(value)) {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    if (path === OPEN_KEY) continue;
    if (typeof child === "object" && child !== null && !Array.isArray(child)) collect(child, path, into);
    else into.set(path, child as Leaf);
  }
  return into;
}

/** Every key with its default, in the order of the schema. Parameters of the strategy are not listed. */
export const KEYS: ReadonlyMap<string, Leaf> = collect(defaultConfig(), "", new Map());

/** Environment variable of a key: `risk.maxBookAgeMs` is `POLY_EDGE_RISK_MAX_BOOK_AGE_MS`. */
export const variableOf = (path: string): string =>
  `POLY_EDGE_${path.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replaceAll(".", "_").toUpperCase()}`;

/** Names kept from earlier systems; the POLY_EDGE_ name wins when both are set. */
export const VARIABLE_ALIASES: Readonly<Record<string, string>> = {
  "paper.bankrollUsdc": "BANKROLL_USDC",
  "account.funder": "POLY_FUNDER",
  "account.signatureType": "POLY_SIGNATURE_TYPE",
};

export const isKnownKey = (path: string): boolean =>
  KEYS.has(path) || (path.startsWith(`${OPEN_KEY}.`) && path.length > OPEN_KEY.length + 1);

/** A section of the configuration, such as `risk`. */
export const isSection = (path: string): boolean =>
  path === OPEN_KEY || [...KEYS.keys()].some((key) => key.startsWith(`${path}.`));

/** Edits (insert, delete, replace) between two words; both short. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replace, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** The known key or section a misspelt one most likely meant, or null when nothing is near. */
export function nearestKey(path: string): string | null {
  const wanted = path.toLowerCase();
  const last = wanted.slice(wanted.lastIndexOf(".") + 1);
  const sections = [...KEYS.keys()].map((key) => key.slice(0, Math.max(0, key.lastIndexOf("."))));
  const candidates = [
    ...KEYS.keys(),
    ...sections.filter((name, at) => name !== "" && sections.indexOf(name) === at),
  ];
  let best: string | null = null;
  let bestScore = Infinity;
  for (const key of candidates) {
    const known = key.toLowerCase();
    const tail = known.slice(known.lastIndexOf(".") + 1);
    // A right name in the wrong section is nearer than a wrong name.
    const score = Math.min(distance(wanted, known), distance(last, tail) + 0.5);
    if (score < bestScore) [best, bestScore] = [key, score];
  }
  return bestScore <= Math.max(2.5, last.length / 3) ? best : null;
}

/**
 * Text from the environment or the command line as the type of the key's default. Text that does not fit stays text, so
 * that the schema refuses it with the value as it was written.
 */
export function valueFromText(path: string, text: string): unknown {
  const shape = KEYS.get(path);
  const trimmed = text.trim();
  if (Array.isArray(shape)) {
    return trimmed.split(",").map((item) => item.trim()).filter((item) => item !== "");
  }
  const numeric = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(trimmed);
  if (typeof shape === "number") return numeric ? Number(trimmed) : text;
  if (typeof shape === "boolean" || shape === undefined) {
    if (trimmed === "true" || trimmed === "false") return trimmed === "true";
    if (shape === undefined && numeric) return Number(trimmed);
  }
  return text;
}
