/**
 * Several market sockets told as one. The venue gives no sequence numbers and no replay (dossier 7.1), but every socket
 * tells the same messages in the same order, so: what one has told is a copy on the others (counted, because equal messages
 * may come twice), a snapshot on joining is news only when it is newer than what we have, and a message that is both unknown
 * and older than what we have proves that something was lost: then the book is void.
 */
import { isObject, type Json } from "../net/sink.ts";

/** Keys remembered for recognising copies: seconds of the busiest market. */
const MAX_KEYS = 8192;

interface Told {
  /** How often the message has been handed on. */
  passed: number;
  /** How often each socket has told it. */
  readonly by: Map<number, number>;
}

/** What of a frame is news. */
export interface Merged {
  /** Messages to hand on; the very same array elements where nothing was taken out. */
  readonly messages: readonly unknown[];
  /** Nothing was taken out. */
  readonly whole: boolean;
  readonly copies: number;
  /** Tokens whose book cannot be trusted any more. */
  readonly voided: readonly string[];
}

const stampOf = (message: Json): number => Number(message.timestamp ?? NaN);

export class MarketMerge {
  private readonly told = new Map<string, Told>();
  /** Newest exchange time handed on, per token. */
  private readonly newest = new Map<string, number>();
  /** Tokens whose snapshot a socket has sent. */
  private readonly joined = new Map<number, Set<string>>();
  /** Per socket and token: messages up to this time are in a snapshot that came another way. */
  private readonly floors = new Map<string, number>();

  /** Notes what a lone socket tells, so that a second one can join. */
  note(link: number, token: string, at: number): void {
    const newest = this.newest.get(token);
    if (newest === undefined || at > newest) this.newest.set(token, at);
    this.joinedBy(link).add(token);
  }

  forget(token: string): void {
    this.newest.delete(token);
    for (const tokens of this.joined.values()) tokens.delete(token);
  }

  /** A socket is gone; with one left there is nothing to compare. */
  gone(link: number, left: number): void {
    this.joined.delete(link);
    if (left > 1) return;
    this.told.clear();
    this.floors.clear();
  }

  /** Takes a frame of `link` while others are open or opening. */
  take(link: number, messages: readonly unknown[], others: readonly number[]): Merged {
    const kept: unknown[] = [];
    const voided: string[] = [];
    let copies = 0;
    let whole = true;
    for (const message of messages) {
      const left = this.takeMessage(link, message, others, voided);
      if (left !== message) {
        whole = false;
        copies++;
      }
      if (left !== null) kept.push(left);
    }
    return { messages: kept, whole, copies, voided };
  }

  private takeMessage(
    link: number,
    message: unknown,
    others: readonly number[],
    voided: string[],
  ): unknown {
    if (!isObject(message)) return message;
    const at = stampOf(message);
    if (message.event_type === "book") {
      const token = String(message.asset_id);
      return this.takeBook(link, token, at, message, others) ? message : null;
    }
    if (message.event_type !== "price_change" || !Array.isArray(message.price_changes)) {
      return this.isNew(link, JSON.stringify(message)) ? message : null;
    }
    const rows: readonly unknown[] = message.price_changes;
    const tokens = new Set(rows.map((row) => isObject(row) ? String(row.asset_id) : ""));
    const wanted = new Set<string>();
    for (const token of tokens) {
      const own = rows.filter((row) => isObject(row) && String(row.asset_id) === token);
      if (this.takeDelta(link, token, at, own, voided)) wanted.add(token);
    }
    if (wanted.size === tokens.size) return message;
    if (wanted.size === 0) return null;
    const left = rows.filter((row) => isObject(row) && wanted.has(String(row.asset_id)));
    return { ...message, price_changes: left };
  }

  private takeBook(
    link: number,
    token: string,
    at: number,
    message: Json,
    others: readonly number[],
  ): boolean {
    const joined = this.joinedBy(link);
    const newest = this.newest.get(token);
    const elsewhere = others.some((other) => this.joined.get(other)?.has(token) === true);
    if (joined.has(token) || !elsewhere || newest === undefined) {
      joined.add(token);
      if (newest !== undefined && at < newest && elsewhere) return false;
      if (!this.isNew(link, JSON.stringify(message))) return false;
      this.newest.set(token, Math.max(at, newest ?? 0));
      this.raiseFloors(others, token, at);
      return true;
    }
    // A snapshot on joining. What this socket tells of the same millisecond may or may not be in it.
    joined.add(token);
    if (!(at > newest)) {
      this.raiseFloors([link], token, at);
      return false;
    }
    this.newest.set(token, at);
    this.raiseFloors(others, token, at);
    return true;
  }

  private raiseFloors(links: readonly number[], token: string, at: number): void {
    for (const link of links) {
      const key = `${link}/${token}`;
      this.floors.set(key, Math.max(at, this.floors.get(key) ?? 0));
    }
  }

  private takeDelta(link: number, token: string, at: number, rows: unknown, voided: string[]): boolean {
    const floor = this.floors.get(`${link}/${token}`);
    if (floor !== undefined && at <= floor) return false;
    if (!this.isNew(link, `${token}|${at}|${JSON.stringify(rows)}`)) return false;
    const newest = this.newest.get(token);
    if (newest !== undefined && at < newest) {
      voided.push(token);
      return false;
    }
    this.newest.set(token, at);
    return true;
  }

  /** True when `link` tells this more often than it has been handed on. */
  private isNew(link: number, key: string): boolean {
    let told = this.told.get(key);
    if (told === undefined) {
      told = { passed: 0, by: new Map() };
      this.told.set(key, told);
      if (this.told.size > MAX_KEYS) {
        for (const oldest of this.told.keys()) {
          this.told.delete(oldest);
          break;
        }
      }
    }
    const count = (told.by.get(link) ?? 0) + 1;
    told.by.set(link, count);
    if (count <= told.passed) return false;
    told.passed = count;
    return true;
  }

  private joinedBy(link: number): Set<string> {
    let tokens = this.joined.get(link);
    if (tokens === undefined) this.joined.set(link, tokens = new Set());
    return tokens;
  }
}
