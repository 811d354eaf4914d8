/** What a request, an answer and a failure of the direct client are. */

/** One request, given whole. Header names and values are ASCII; what HTTP forbids in them fails the request unsent. */
export interface DirectRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** Path and query, ASCII. */
  readonly target: string;
  /** Beside those every request of the pool has, and `content-length`, which is ours. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for none. */
  readonly body: string;
  /** The whole of it as it goes over the wire, from `Transport.encode()`. */
  readonly bytes?: Uint8Array;
  /** Asked when it had to wait for a connection; true: it fails unsent. */
  readonly isLate?: () => boolean;
}

export interface DirectAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * Why a request has no answer. `unsent`: no byte of it was written. `lost`: the connection ended, failed or was closed by us
 * before the answer was whole. `malformed`: what came is no HTTP/1.1 that we read. `too-large`: the body passes the limit.
 * After anything but `unsent` the peer may have acted on it.
 */
export type DirectFailureKind = "unsent" | "lost" | "malformed" | "too-large";

/** The only thing that `Exchange.answer` rejects with. */
export class DirectFailure extends Error {
  readonly kind: DirectFailureKind;
  /** When at least that came. */
  readonly status: number | null;

  constructor(kind: DirectFailureKind, message: string, status: number | null = null, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = "DirectFailure";
    this.kind = kind;
    this.status = status;
  }
}

/** One request under way. */
export interface Exchange {
  /** `monotonicUs()` right after its bytes were given to the socket; null until then. */
  readonly writtenUs: number | null;
  /** Rejects with DirectFailure. */
  readonly answer: Promise<DirectAnswer>;
  /** Gives it up: a connection that has bytes of it is closed, since its answer could still come. */
  cancel(): void;
}

/** Whatever sends requests to one origin, each at most once. */
export interface Transport {
  /**
   * Writes before it returns where a connection is idle: on the one used last, or on the `oldest`, which keeps it alive.
   * Never throws.
   */
  send(request: DirectRequest, on?: "oldest"): Exchange;
  /** The same request with all done that comes before the write; nothing is written. What HTTP forbids is left as it is. */
  encode?(request: DirectRequest): DirectRequest;
  /** Open connections that carry nothing now, and have not since `untilUs`; absent where they are not ours to know. */
  idle?(untilUs?: number): number;
  /** Opens what is missing of the wanted connections, in the background. */
  fill?(): void;
  /** What a failure or an answer says of the proxy in between; null when nothing. */
  fault?(failure: unknown): string | null;
  /** Ends everything under way; what is sent later fails. Resolves when the sockets are closed. */
  close(): Promise<void>;
}
