/** The venue's rules for a window in words, one by one, so that a change can be named and accepted. */
import { createHash } from "node:crypto";
import type { Instrument } from "../../core/market/instrument.ts";
import { formatPrice, formatShares } from "../../core/units.ts";
import { ruleText } from "../discover.ts";

/** The rules of a window that a person has read once and trades on ever after, by name. */
export function rulesOf(windows: readonly Instrument[]): Record<string, string> {
  const rules: Record<string, string> = {};
  for (const window of windows) {
    const { asset, duration, fee, minSize, negRisk, rule, takerHoldMs, tick, version } = window;
    const say = (name: string, text: string) => rules[`${asset}-${duration}.${name}`] = text;
    say("version", version);
    say(
      "fee",
      fee === null
        ? "unknown"
        : `rate ${fee.ratePpm / 1e6}, exponent ${fee.exponent}, ${
          fee.takerOnly ? "takers only" : "everybody"
        }`,
    );
    say("tick", formatPrice(tick));
    say("minSize", formatShares(minSize));
    say("rule", ruleText(rule));
    say("takerHold", `${takerHoldMs} ms`);
    say("negRisk", String(negRisk));
  }
  return rules;
}

/** One hash for all rules, in the order of their names. */
export const rulesHash = (rules: Readonly<Record<string, string>>): string =>
  createHash("sha256").update(JSON.stringify(Object.entries(rules).sort(([a], [b]) => a < b ? -1 : 1)))
    .digest("hex");
