/** One question of `doctor` and its answer. */
import { OperationError } from "../../core/errors.ts";
import { HttpError } from "../../feeds/net/http.ts";

export type CheckStatus = "ok" | "warn" | "fail" | "skip";

export interface Check {
  /** Stable, lower case with dashes. */
  readonly name: string;
  readonly status: CheckStatus;
  readonly detail: string;
  /** What a person can do; null when there is nothing to do. */
  readonly fix: string | null;
  /** Stable code of what is wrong; null while nothing is. */
  readonly code: string | null;
  /** The venue refuses this account or place: exit 4. */
  readonly refused: boolean;
}

/** What a check finds, without its name. */
export type Finding = Omit<Check, "name">;

export const ok = (detail: string): Finding => ({
  status: "ok",
  detail,
  fix: null,
  code: null,
  refused: false,
});
export const skip = (detail: string): Finding => ({
  status: "skip",
  detail,
  fix: null,
  code: null,
  refused: false,
});
export const warn = (detail: string, fix: string | null): Finding => ({
  status: "warn",
  detail,
  fix,
  code: null,
  refused: false,
});
export const fail = (
  detail: string,
  fix: string | null,
  more: { readonly code?: string; readonly refused?: boolean } = {},
): Finding => ({ status: "fail", detail, fix, code: more.code ?? null, refused: more.refused ?? false });

/** An error as what it means to the examined. */
export function findingOf(error: unknown): Finding {
  if (!(error instanceof Error)) return fail(String(error), null);
  if (!(error instanceof OperationError)) return fail(error.message, null);
  const login = error instanceof HttpError && error.status === 401;
  return fail(
    login ? "the venue answers 401: it does not accept the API credentials" : error.message,
    login ? "Run `poly-edge doctor --fix`, or correct POLY_API_*." : error.hint ?? null,
    { code: login ? "AUTH_REFUSED" : error.code, refused: login || error.exit === 4 },
  );
}

export interface Question {
  readonly name: string;
  /** Wall ms; default 15 s. */
  readonly deadlineMs?: number;
  readonly ask: () => Promise<Finding> | Finding;
}

const DEADLINE_MS = 15_000;

/** Asks one question; an error is a failure, and so is no answer in time. Never rejects. */
export async function examine({ ask, deadlineMs = DEADLINE_MS, name }: Question): Promise<Check> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Finding>((resolve) => {
    const found = fail(`no answer within ${deadlineMs / 1000} s`, "Check the network; try again.", {
      code: "TIMEOUT",
    });
    timer = setTimeout(() => resolve(found), deadlineMs);
  });
  try {
    const answer = Promise.try(ask).catch(findingOf);
    return { name, ...await Promise.race([answer, late]) };
  } finally {
    clearTimeout(timer);
  }
}
