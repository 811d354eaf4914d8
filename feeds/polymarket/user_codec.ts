/** Frames of the user channel (dossier 7.3) to inputs of an order's life. */
import { fieldsOf, hashOf } from "../../core/orders/lifecycle_reply.ts";
import type { LifeInput } from "../../core/orders/lifecycle_types.ts";
import { readOrderEvent, readTrade } from "../../core/orders/lifecycle_wire.ts";
import type { Ms } from "../../core/units.ts";
import { parseJson } from "../net/sink.ts";

export type UserInput = Extract<LifeInput, { readonly type: "orderEvent" | "trade" }>;

export interface UserFrame {
  readonly inputs: readonly UserInput[];
  /** Orders and trades that we cannot read: something happened to the account that we do not know. */
  readonly unreadable: number;
  /** Messages of a kind that is of no use to us. */
  readonly ignored: number;
  readonly pong: boolean;
}

const EMPTY: UserFrame = { inputs: [], unreadable: 0, ignored: 0, pong: false };

/** Reads one frame: an object, an array of them, or PONG. Anything that is none of it counts as unreadable. */
export function readUserFrame(text: string, at: Ms): UserFrame {
  if (text === "PONG") return { ...EMPTY, pong: true };
  if (text === "PING") return EMPTY;
  const body = parseJson(text);
  if (typeof body !== "object" || body === null) return { ...EMPTY, unreadable: 1 };
  const inputs: UserInput[] = [];
  let unreadable = 0;
  let ignored = 0;
  for (const item of Array.isArray(body) ? body : [body]) {
    const { event_type: kind } = fieldsOf(item);
    if (kind === "order") {
      const input = readOrderEvent(item, at);
      if (input === null) unreadable++;
      else inputs.push(input);
    } else if (kind === "trade") {
      const trade = readTrade(item);
      if (trade === null) unreadable++;
      else inputs.push({ type: "trade", at, trade });
    } else if (typeof kind === "string") ignored++;
    else unreadable++;
  }
  return { inputs, unreadable, ignored, pong: false };
}

/** The orders a message speaks of. */
export function hashesOf(input: UserInput): readonly string[] {
  if (input.type === "orderEvent") return [input.hash];
  const { makers, takerHash } = input.trade;
  return [takerHash, ...makers.map(({ hash }) => hash)].map(hashOf);
}
