/** What the end of a socket means: what to say of it, and whether and when to open another. */
import type { Ending } from "./link.ts";
import type { CloseAction, SupervisorOptions } from "./supervisor_options.ts";

/** The end of a socket that we did not want. */
export type Failure = Exclude<Ending, { kind: "dropped" }>;

/** The venue has too much to do, or we asked too much of it. */
export const isBusy = (status: number | null): boolean => status === 429 || status === 418 || status === 503;

/** Refusals that repeating makes worse, by HTTP status of the handshake. */
const TERMINAL: ReadonlyMap<number, string> = new Map([
  // Repeating a refused handshake turns a geo-block into an address ban (exchanges dossier E 8).
  [451, "GEO_BLOCKED: the handshake was refused with 451"],
  [403, "GEO_BLOCKED: the handshake was refused with 403"],
  [401, "AUTH_REFUSED: the handshake was refused with 401"],
  [407, "PROXY_FAILED: the proxy refuses our credentials"],
]);

/** What to do now; close codes are the venue's own business. */
export function actionFor(
  ending: Failure,
  options: Pick<SupervisorOptions, "closeAction" | "random">,
): CloseAction {
  if (ending.kind === "closed") {
    return options.closeAction?.(ending.code, ending.reason, options.random) ?? { kind: "backoff" };
  }
  const detail = TERMINAL.get(ending.status ?? 0);
  return detail === undefined ? { kind: "backoff" } : { kind: "terminal", detail };
}

/** A state's detail, with its prefix word. */
export function describe(ending: Failure): string {
  if (ending.kind === "failed") {
    return /^[A-Z_]+: /.test(ending.detail) ? ending.detail : `SOCKET_DEAD: ${ending.detail}`;
  }
  const why = ending.reason === "" ? "" : `: ${ending.reason}`;
  return `SOCKET_DEAD: closed with ${ending.code}${why}`;
}
