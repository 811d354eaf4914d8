/** POST /order as text, byte for byte what is signed by the L2 login (dossier 5.6). */
import { OperationError } from "../../../core/errors.ts";
import type { OrderType } from "../../../core/events.ts";
import type { SignedOrder } from "./order.ts";

export interface BodyOptions {
  /** Id of the API key, not an address. */
  readonly owner: string;
  readonly orderType: OrderType;
  /** Unix seconds, GTD only; the order ends 60 s earlier. */
  readonly expirationS?: number;
  /** GTC and GTD only. */
  readonly postOnly?: boolean;
}

function check({ orderType, expirationS, postOnly }: BodyOptions): void {
  const gtd = orderType === "GTD";
  const reason = gtd !== (expirationS !== undefined)
    ? `an expiration belongs to GTD orders and to no others, current value is ${orderType}`
    : expirationS !== undefined && (!Number.isSafeInteger(expirationS) || expirationS <= 0)
    ? `an expiration is in unix seconds, current value is ${expirationS}`
    : postOnly === true && orderType !== "GTC" && !gtd
    ? `post-only wants GTC or GTD, current value is ${orderType}`
    : null;
  if (reason === null) return;
  throw new OperationError({
    code: "ORDER_INVALID",
    message: `Cannot write the body of an order: ${reason}`,
  });
}

/**
 * The body, keys in the official client's order. Written by hand: every text in it is hex, decimal or an id of the
 * venue; only the owner is quoted by JSON. Throws ORDER_INVALID for options that contradict each other.
 */
export function orderBody({ fields, signature }: SignedOrder, options: BodyOptions): string {
  check(options);
  const { salt, maker, signer, tokenId, makerAmount, takerAmount, side, signatureType } = fields;
  return `{"deferExec":false,"order":{"salt":${salt},"maker":"${maker}","signer":"${signer}",` +
    `"tokenId":"${tokenId}","makerAmount":"${makerAmount}","takerAmount":"${takerAmount}",` +
    `"side":"${side === "buy" ? "BUY" : "SELL"}","signatureType":${signatureType},` +
    `"timestamp":"${fields.timestamp}","expiration":"${options.expirationS ?? 0}",` +
    `"metadata":"${fields.metadata}","builder":"${fields.builder}","signature":"${signature}"},` +
    `"owner":${JSON.stringify(options.owner)},"orderType":"${options.orderType}"` +
    `${options.postOnly === true ? ',"postOnly":true' : ""}}`;
}
