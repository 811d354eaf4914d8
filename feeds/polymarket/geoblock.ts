/** Whether the venue serves this place (dossier 3.9). The list of places changes, so it is asked and never kept. */
import { type HttpCall, type HttpClient, HttpError } from "../net/http.ts";
import { isObject } from "../net/sink.ts";

export interface Geoblock {
  /** Nothing, or only closing, is allowed from here. */
  readonly blocked: boolean;
  /** ISO country and region as the venue sees this address; "" when it does not say. */
  readonly country: string;
  readonly region: string;
  readonly ip: string;
}

const textOr = (value: unknown): string => typeof value === "string" ? value : "";

/** GET `{web}/api/geoblock`. Throws HttpError; BAD_JSON unless it says `blocked` in so many words. */
export async function fetchGeoblock(http: HttpClient, web: string, call: HttpCall = {}): Promise<Geoblock> {
  const raw = await http.get(`${web}/api/geoblock`, call);
  if (!isObject(raw) || typeof raw["blocked"] !== "boolean") {
    throw new HttpError("BAD_JSON", "Cannot read the geoblock check: it does not say whether we are blocked");
  }
  return {
    blocked: raw["blocked"],
    country: textOr(raw["country"]),
    region: textOr(raw["region"]),
    ip: textOr(raw["ip"]),
  };
}
