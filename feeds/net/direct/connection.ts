/** One keep-alive connection: one request at a time, always a read under way, so that its end is known while it is idle. */
import { encodeRequest } from "./request_encoder.ts";
import { type ParseStep, ResponseParser } from "./response_parser.ts";
import { type DirectAnswer, DirectFailure, type DirectRequest, type Exchange } from "./types.ts";

/** The bytes under the HTTP, as `Deno.Conn` has them. */
export type ByteStream = Pick<Deno.Conn, "read" | "write" | "close">;

/** A request that waits for a connection, or that one carries. Settles once. */
export class Pending implements Exchange {
  writtenUs: number | null = null;
  /** What carries it; null while it waits and once it is over. */
  carrier: Connection | null = null;
  /** A connection is being opened on its behalf. */
  opener = false;
  readonly answer: Promise<DirectAnswer>;
  private readonly resolve: (answer: DirectAnswer) => void;
  private readonly reject: (failure: DirectFailure) => void;

  constructor(readonly request: DirectRequest, private readonly give: (pending: Pending) => void) {
    const { promise, reject, resolve } = Promise.withResolvers<DirectAnswer>();
    this.answer = promise;
    this.resolve = resolve;
    this.reject = reject;
  }

  cancel(): void {
    this.give(this);
  }

  done(answer: DirectAnswer): void {
    this.carrier = null;
    this.resolve(answer);
  }

  fail(failure: DirectFailure): void {
    this.carrier = null;
    this.reject(failure);
  }
}

export interface ConnectionOptions {
  /** Header lines that every request has, each with its CR LF. */
  readonly fixed: string;
  readonly maxBytes: number;
  readonly monotonicUs: () => number;
  /** Its answer is whole and it may carry another. */
  readonly onIdle: (connection: Connection) => void;
  /** It is closed. `answered`: after a whole answer, as HTTP provides; else it broke, or fell silent. */
  readonly onClosed: (connection: Connection, answered: boolean) => void;
}

const READ_BYTES = 32_768;
/** An order with its head takes 2 KB. */
export const WRITE_BYTES = 4096;

const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, 200);

/** Idle from the start. */
export class Connection {
  /** Resolves when the last read has ended. */
  readonly over: Promise<void>;
  /** When it became idle, by `monotonicUs()`. */
  idleSinceUs: number;
  private readonly buffer = new Uint8Array(WRITE_BYTES);
  private parser: ResponseParser | null = null;
  private running: Pending | null = null;
  private writing = false;
  private closed = false;

  constructor(private readonly stream: ByteStream, private readonly options: ConnectionOptions) {
    this.idleSinceUs = options.monotonicUs();
    this.over = this.read();
  }

  /** Writes a request, in this turn; the connection must be idle. */
  start(pending: Pending): void {
    const { request } = pending;
    const bytes = request.bytes ?? encodeRequest(this.options.fixed, request, this.buffer);
    // The system call is made inside of this call: what comes after it does not hold the bytes up.
    const writing = this.stream.write(bytes);
    pending.writtenUs = this.options.monotonicUs();
    pending.carrier = this;
    this.running = pending;
    this.writing = true;
    this.parser = new ResponseParser(this.options.maxBytes);
    this.finishWriting(pending, writing, bytes);
  }

  /** Ends it, and the request it carries as `lost`. */
  close(words: string): void {
    this.lose("lost", words);
  }

  private async finishWriting(pending: Pending, first: Promise<number>, bytes: Uint8Array): Promise<void> {
    try {
      let sent = 0;
      for (let count = await first;; count = await this.stream.write(bytes.subarray(sent))) {
        if (count === 0) throw new Error("the socket takes no more bytes");
        sent += count;
        if (this.running !== pending) return;
        if (sent >= bytes.length) break;
      }
      this.writing = false;
    } catch (error) {
      // Part of it may have gone out: whether the peer acts on that is not known.
      if (this.running === pending) this.lose("lost", `the connection broke: ${wordsOf(error)}`, error);
    }
  }

  private async read(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    try {
      while (!this.closed) {
        const count = await this.stream.read(buffer);
        if (this.closed) return;
        if (count === null) this.ended();
        else this.take(buffer.subarray(0, count));
      }
    } catch (error) {
      this.lose("lost", `the connection broke: ${wordsOf(error)}`, error);
    }
  }

  private take(bytes: Uint8Array): void {
    // Bytes that nobody asked for would be taken for the next request's answer.
    if (this.running === null || this.parser === null) this.lose("lost", "bytes that nobody asked for");
    else this.follow(this.parser.push(bytes));
  }

  private ended(): void {
    if (this.running === null || this.parser === null) this.lose("lost", "the peer closed it");
    else this.follow(this.parser.end());
  }

  private follow(step: ParseStep): void {
    if (step.kind === "more") return;
    if (step.kind === "bad") {
      const kind = step.why === "truncated" ? "lost" : step.why;
      const words = step.why === "truncated"
        ? `the connection closed before the answer was whole: ${step.words}`
        : `the answer cannot be read: ${step.words}`;
      return this.lose(kind, words);
    }
    const pending = this.running;
    this.running = null;
    pending?.done(step.answer);
    // An answer before the request was out: the rest of the request may still be expected.
    if (!step.reusable || this.writing) return this.shut(true);
    this.idleSinceUs = this.options.monotonicUs();
    this.options.onIdle(this);
  }

  private lose(kind: "lost" | "malformed" | "too-large", words: string, cause?: unknown): void {
    if (this.closed) return;
    const pending = this.running;
    this.running = null;
    pending?.fail(new DirectFailure(kind, words, this.parser?.status ?? null, cause));
    this.shut(false);
  }

  private shut(answered: boolean): void {
    if (this.closed) return;
    this.closed = true;
    try {
      this.stream.close();
    } catch {
      // Closed by its own end.
    }
    this.options.onClosed(this, answered);
  }
}
