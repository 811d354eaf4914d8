/**
 * The part of `node:sqlite` that the journal uses, with its own types: which declarations a compiler picks up for that young
 * module depends on the packages around it, and the older ones lack options and iterators that the runtime has.
 */
import { DatabaseSync } from "node:sqlite";

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface Statement {
  run(...values: SqlValue[]): unknown;
  get(...values: SqlValue[]): SqlRow | undefined;
  iterate(...values: SqlValue[]): IterableIterator<SqlRow>;
}

export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export interface DatabaseOptions {
  readonly readOnly?: boolean;
  /** Milliseconds to wait for another writer. */
  readonly timeout?: number;
}

const Constructor = DatabaseSync as unknown as new (path: string, options: DatabaseOptions) => Database;

/** Opens a database file. Throws what SQLite says. */
export const openDatabase = (path: string, options: DatabaseOptions): Database =>
  new Constructor(path, options);
