/** API credentials of the venue, made or found again by an L1 login (dossier 3.4, 4.1 of 2026-11-21). */
import { z } from "zod";
import { OperationError } from "../../core/errors.ts";
import { type HttpClient, HttpError } from "../net/http.ts";
import { fetchClobTime } from "../polymarket/clob_rest.ts";
import { type ApiSecrets, clobAuthDigest, l1Headers } from "../polymarket/signing/login.ts";
import { signDigestReference } from "../polymarket/signing/reference.ts";
import type { KeyPair } from "./keystore.ts";
import { Secret } from "./secret.ts";

const answerSchema = z.object({
  apiKey: z.string().min(1).max(200),
  secret: z.string().min(1).max(200),
  passphrase: z.string().min(1).max(200),
});

export interface ApiKeyRequest {
  readonly http: HttpClient;
  /** Base URL of the CLOB. */
  readonly clob: string;
  readonly pair: KeyPair;
  /** Same nonce, same key. */
  readonly nonce: number;
  readonly signal?: AbortSignal;
}

export interface ApiKeyAnswer {
  readonly secrets: ApiSecrets;
  /** false: the key existed and was found again. */
  readonly created: boolean;
}

/** What the venue said, without long hex: its words might repeat our login. */
function wordsOf(error: HttpError): string {
  const body = error.details["body"];
  const said = typeof body === "string" ? /"error"\s*:\s*"([^"]{1,120})"/.exec(body)?.[1] : undefined;
  return said === undefined
    ? `status ${error.status}`
    : `status ${error.status}, "${said.replace(/0x[0-9a-f]{41,}/gi, "0x...")}"`;
}

/** An answer of the venue that is not credentials, told without its body: half an answer may hold a whole secret. */
function told(error: unknown, step: string): unknown {
  if (!(error instanceof HttpError)) return error;
  const { code, status } = error;
  if (code === "BAD_JSON") return malformed();
  if (code !== "HTTP_STATUS" || status === null) return error;
  if (status >= 500) {
    return new HttpError("HTTP_STATUS", `Cannot ${step} an API key: ${wordsOf(error)}`, { status });
  }
  return new OperationError({
    code: status === 401 ? "AUTH_REFUSED" : "API_KEY_REFUSED",
    message: `Cannot ${step} an API key: the venue answers ${wordsOf(error)}`,
    hint: status === 401
      ? "The venue does not accept the login: check the clock of this machine and the key."
      : "The venue gives this key no credentials; trade once on its web page, or try another --nonce.",
    details: { status },
    exit: 4,
  });
}

const malformed = (): OperationError =>
  new OperationError({
    code: "BAD_JSON",
    message: "Cannot read the venue's answer as API credentials: it is not what is documented",
    hint: "Try again; if it lasts the venue changed its format: report it, without the answer.",
  });

function secretsOf(raw: unknown): ApiSecrets {
  const parsed = answerSchema.safeParse(raw);
  if (!parsed.success) throw malformed();
  const { apiKey, secret, passphrase } = parsed.data;
  return { apiKey: new Secret(apiKey), secret: new Secret(secret), passphrase: new Secret(passphrase) };
}

/**
 * POST makes the key; where the venue answers 400 (there is one for this nonce) GET finds it again. The login carries the
 * venue's own time. Throws AUTH_REFUSED or API_KEY_REFUSED (exit 4), HttpError (exit 1; GEO_BLOCKED 4).
 */
export async function fetchApiKey(request: ApiKeyRequest): Promise<ApiKeyAnswer> {
  const { http, clob, pair, nonce } = request;
  const call = request.signal === undefined ? {} : { signal: request.signal };
  const login = async () => {
    const timestampS = Math.floor(await fetchClobTime(http, clob, call) / 1000);
    const auth = { address: pair.address, timestampS, nonce };
    const headers = l1Headers(auth, signDigestReference(clobAuthDigest(auth), pair.key));
    return { ...call, headers };
  };
  try {
    const made = await http.post(`${clob}/auth/api-key`, undefined, await login());
    return { secrets: secretsOf(made), created: true };
  } catch (error) {
    const exists = error instanceof HttpError && error.code === "HTTP_STATUS" && error.status === 400;
    if (!exists) throw told(error, "create");
  }
  try {
    const found = await http.get(`${clob}/auth/derive-api-key`, await login());
    return { secrets: secretsOf(found), created: false };
  } catch (error) {
    throw told(error, "derive");
  }
}
