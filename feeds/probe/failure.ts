/** What stopped a measurement, in plain words, from whichever of the runtime's three dialects it came. */
import { HttpError } from "../net/http.ts";

/** Codes of node:net and node:tls, and the texts of Deno's fetch (tried with 2.9.6, tests/feeds/probe). */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/not valid for name|ERR_TLS_CERT_ALTNAME|altname|NotValidForName/i, "its certificate is for another name"],
  [/CERT_HAS_EXPIRED|certificate expired|certificate has expired/i, "its certificate has expired"],
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|UnknownIssuer|self-signed certificate/i,
    "its certificate is not trusted here",
  ],
  [/NoApplicationProtocol|http2 error|HTTP_1_1_REQUIRED/i, "it does not speak this version of HTTP"],
  [/InvalidContentType|corrupt message|WRONG_VERSION_NUMBER/i, "it does not speak TLS"],
  [/ENOTFOUND|EAI_NODATA|Name or service not known|No address associated/i, "its name does not resolve"],
  [/EAI_AGAIN|Temporary failure in name resolution/i, "no name server answers"],
  [/ECONNREFUSED|Connection refused/i, "nothing listens there: the connection is refused"],
  [/ENETUNREACH|EHOSTUNREACH|unreachable/i, "there is no way to it from here"],
  [/\bEPERM\b|\bEACCES\b/, "this program is not permitted to connect to it"],
  [/ECONNRESET|EPIPE|connection closed|Connection reset|broken pipe|unexpected end|eof/i, "it hung up"],
];
const MOST = 200;

function textOf(failure: unknown): string {
  if (!(failure instanceof Error)) return String(failure);
  const { code } = failure as { readonly code?: unknown };
  const own = `${typeof code === "string" ? `${code} ` : ""}${failure.message}`;
  return failure.cause === undefined ? own : `${own}: ${textOf(failure.cause)}`;
}

/** NETWORK with the reason in words, or TIMEOUT and the like as they are. `place` is a host and port or a URL. */
export function networkFailure(place: string, cause: unknown): HttpError {
  if (cause instanceof HttpError) return cause;
  const text = textOf(cause);
  const known = WORDS.find(([pattern]) => pattern.test(text))?.[1];
  // What fetch says before its reason repeats the address.
  const why = known ?? text.replace(/^fetch failed: (error sending request for url \([^)]*\): )?/i, "");
  return new HttpError("NETWORK", `Cannot reach ${place}: ${why.slice(0, MOST)}`, { cause });
}

/** The deadline passed. */
export const lateFailure = (place: string, what: string, deadlineMs: number): HttpError =>
  new HttpError("TIMEOUT", `Cannot reach ${place}: ${what} within ${deadlineMs} ms`);
