/** What a condition id is: its window, outcomes, version and winner, asked of the CLOB once per run. */
import { z } from "zod";
import type { FeeSchedule, Outcome } from "../../core/market/instrument.ts";
import { type ParsedSlug, parseSlug } from "../../core/market/window.ts";
import { type HttpClient, HttpError } from "../../feeds/net/http.ts";
import { fetchClobMarket } from "../../feeds/polymarket/clob_rest.ts";
import { feeOf } from "../../feeds/polymarket/gamma.ts";

const schema = z.object({
  market_slug: z.string().nullish(),
  closed: z.boolean().nullish(),
  tokens: z.array(z.object({
    token_id: z.string(),
    outcome: z.string(),
    winner: z.boolean().nullish(),
  })),
});

export interface WindowName {
  readonly conditionId: string;
  /** null: the venue does not say. */
  readonly slug: string | null;
  /** null: not one of the windows this program knows. */
  readonly window: ParsedSlug | null;
  readonly closed: boolean;
  readonly winner: Outcome | null;
  /** Asset type of the balance endpoint: the market's own word, else by the id's width (v2 ids have 31 bytes). */
  readonly version: "v1" | "v2";
  /** null: not stated. */
  readonly fee: FeeSchedule | null;
  /** Outcome by token. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

const outcomeOf = (label: string): Outcome | null => {
  const lower = label.toLowerCase();
  return lower === "up" || lower === "down" ? lower : null;
};

async function ask(http: HttpClient, clob: string, conditionId: string, signal: AbortSignal) {
  const call = { signal };
  const [long, short] = await Promise.all([
    http.get(`${clob}/markets/${conditionId}`, call).catch((error: unknown) => {
      if (error instanceof HttpError && error.status === 404) return null;
      throw error;
    }),
    fetchClobMarket(http, clob, conditionId, call),
  ]);
  const parsed = schema.safeParse(long);
  return { long: parsed.success ? parsed.data : null, short };
}

/** A reader that remembers; concurrent questions for one id are one request. Throws HttpError. */
export function windowNames(
  http: HttpClient,
  clob: string,
  signal: AbortSignal,
): (conditionId: string) => Promise<WindowName> {
  const known = new Map<string, Promise<WindowName>>();
  const read = async (conditionId: string): Promise<WindowName> => {
    const { long, short } = await ask(http, clob, conditionId, signal);
    const outcomes = new Map<string, Outcome>();
    for (const { t, o } of short?.t ?? []) {
      const outcome = outcomeOf(o);
      if (outcome !== null) outcomes.set(t, outcome);
    }
    let winner: Outcome | null = null;
    for (const token of long?.tokens ?? []) {
      const outcome = outcomeOf(token.outcome);
      if (outcome !== null) outcomes.set(token.token_id, outcome);
      if (token.winner === true) winner = outcome;
    }
    const slug = long?.market_slug ?? null;
    const fee = short?.fd;
    return {
      conditionId,
      slug,
      window: slug === null ? null : parseSlug(slug),
      closed: long?.closed === true,
      winner,
      version: short?.v === "v2" || short?.v === undefined && conditionId.length === 64 ? "v2" : "v1",
      fee: fee === undefined ? null : feeOf({ rate: fee.r, exponent: fee.e, takerOnly: fee.to }),
      outcomes,
    };
  };
  return (conditionId) => {
    let found = known.get(conditionId);
    if (found === undefined) {
      found = read(conditionId);
      known.set(conditionId, found);
    }
    return found;
  };
}
