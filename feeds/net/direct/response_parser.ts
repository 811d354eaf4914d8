/**
 * One HTTP/1.1 answer out of pieces of any size (RFC 9112), strict and bounded: what could be read in two ways is refused.
 * Never throws.
 */
import { lengthOf, parseHeaderLine, parseStatusLine, tokensOf } from "./response_head.ts";
import type { DirectAnswer } from "./types.ts";

/** `reusable`: the connection may carry another request. */
export type ParseStep =
  | { readonly kind: "more" }
  | { readonly kind: "done"; readonly answer: DirectAnswer; readonly reusable: boolean }
  | { readonly kind: "bad"; readonly why: "malformed" | "too-large" | "truncated"; readonly words: string };

/** Status lines, headers and trailers together, those of interim answers included. */
const MAX_HEAD_BYTES = 65_536;
/** A chunk's size with its extensions. */
const MAX_CHUNK_LINE = 1024;
const LF = 10;
const MORE: ParseStep = { kind: "more" };

type State =
  | "status"
  | "header"
  | "length"
  | "chunk-size"
  | "chunk"
  | "chunk-end"
  | "trailer"
  | "until-end"
  | "over";

/** Bytes as latin1, which every byte is. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let from = 0; from < bytes.length; from += 4096) {
    text += String.fromCharCode(...bytes.subarray(from, from + 4096));
  }
  return text;
}

export class ResponseParser {
  /** Of the final answer, once its status line was read. */
  status: number | null = null;
  private state: State = "status";
  private line = "";
  private headBytes = 0;
  private headers = new Headers();
  private minor = 1;
  /** Body bytes still to come of the length or the chunk. */
  private rest = 0;
  private bodyBytes = 0;
  private text = "";
  private readonly decoder = new TextDecoder();

  constructor(private readonly maxBytes: number) {}

  /** Takes the next bytes; they are not kept. After `done` or `bad` nothing more may be pushed. */
  push(bytes: Uint8Array): ParseStep {
    let at = 0;
    for (;;) {
      switch (this.state) {
        case "length":
        case "chunk":
        case "until-end": {
          const body = this.state === "until-end"
            ? bytes.subarray(at)
            : bytes.subarray(at, at + Math.min(this.rest, bytes.length - at));
          at += body.length;
          const step = this.takeBody(body);
          if (step !== null) return step;
          if (this.state === "until-end" || this.rest > 0) return MORE;
          if (this.state === "length") return this.done(at === bytes.length);
          this.state = "chunk-end";
          break;
        }
        case "over":
          return this.bad("malformed", "bytes after the answer");
        default: {
          const end = bytes.indexOf(LF, at);
          const stop = end < 0 ? bytes.length : end + 1;
          const step = this.takeLinePart(bytes.subarray(at, stop), end >= 0);
          at = stop;
          if (step === "done") return this.done(at === bytes.length);
          if (step !== null) return step;
          if (at === bytes.length) return MORE;
        }
      }
    }
  }

  /** The connection ended. */
  end(): ParseStep {
    if (this.state === "until-end") return this.done(false);
    return this.bad(
      "truncated",
      this.status === null ? "it ended before its head" : "it ended before its body",
    );
  }

  private bad(why: Extract<ParseStep, { kind: "bad" }>["why"], words: string): ParseStep {
    this.state = "over";
    return { kind: "bad", why, words };
  }

  private done(clean: boolean): ParseStep {
    const untilEnd = this.state === "until-end";
    this.state = "over";
    const { headers } = this;
    const text = this.text + this.decoder.decode();
    const reusable = clean && !untilEnd && this.minor === 1 &&
      !tokensOf(headers.get("connection")).includes("close");
    return { kind: "done", answer: { status: this.status ?? 0, headers, text }, reusable };
  }

  private takeBody(body: Uint8Array): ParseStep | null {
    this.bodyBytes += body.length;
    this.rest -= this.state === "until-end" ? 0 : body.length;
    if (this.bodyBytes > this.maxBytes) return this.tooLarge();
    this.text += this.decoder.decode(body, { stream: true });
    return null;
  }

  private tooLarge(): ParseStep {
    return this.bad("too-large", `the body passes the limit of ${this.maxBytes} bytes`);
  }

  /** Part of a line up to its LF, if `whole`. Null: go on. */
  private takeLinePart(part: Uint8Array, whole: boolean): ParseStep | "done" | null {
    const ofChunk = this.state === "chunk-size" || this.state === "chunk-end";
    if (ofChunk && this.line.length + part.length > MAX_CHUNK_LINE) {
      return this.bad("malformed", `a chunk's line passes ${MAX_CHUNK_LINE} bytes`);
    }
    if (!ofChunk && (this.headBytes += part.length) > MAX_HEAD_BYTES) {
      return this.bad("malformed", `its head passes ${MAX_HEAD_BYTES} bytes`);
    }
    this.line += latin1(part);
    if (!whole) return null;
    const { line } = this;
    this.line = "";
    if (!line.endsWith("\r\n")) return this.bad("malformed", "a line does not end in CR LF");
    return this.takeLine(line.slice(0, -2));
  }

  private takeLine(line: string): ParseStep | "done" | null {
    switch (this.state) {
      case "status":
        return this.takeStatus(line);
      case "header":
        return line === "" ? this.takeHeadEnd() : this.takeHeader(line);
      case "chunk-size":
        return this.takeChunkSize(line);
      case "chunk-end":
        if (line !== "") return this.bad("malformed", "a chunk is longer than its size");
        this.state = "chunk-size";
        return null;
      case "trailer":
        if (line === "") return "done";
        return parseHeaderLine(line) !== null ? null : this.bad("malformed", "a trailer is none");
      default:
        return this.bad("malformed", "a line out of place");
    }
  }

  private takeStatus(line: string): ParseStep | null {
    const read = parseStatusLine(line);
    if (read === null) return this.bad("malformed", "its first line is no status line of HTTP/1.1");
    if (read.status === 101) return this.bad("malformed", "it changes the protocol");
    this.minor = read.minor;
    this.status = read.status < 200 ? null : read.status;
    this.state = "header";
    return null;
  }

  private takeHeader(line: string): ParseStep | null {
    const header = parseHeaderLine(line);
    if (header === null) return this.bad("malformed", "a header is none");
    this.headers.append(header[0], header[1]);
    return null;
  }

  private takeHeadEnd(): ParseStep | "done" | null {
    const { headers, status } = this;
    if (status === null) {
      // An interim answer (RFC 9110 15.2): what it says is not about the request's outcome.
      this.headers = new Headers();
      this.state = "status";
      return null;
    }
    const coding = headers.get("content-encoding");
    if (coding !== null && coding.trim().toLowerCase() !== "identity") {
      return this.bad("malformed", `its body is encoded as ${coding.slice(0, 40)}, which was not asked for`);
    }
    const length = lengthOf(headers.get("content-length"));
    if (length === "bad") return this.bad("malformed", "its content-length is none, or contradicts itself");
    const transfer = headers.get("transfer-encoding");
    if (transfer !== null) return this.startChunks(transfer, length);
    if (status === 204 || status === 304) return "done";
    if (length === null) {
      this.state = "until-end";
      return null;
    }
    if (length > this.maxBytes) return this.tooLarge();
    if (length === 0) return "done";
    this.state = "length";
    this.rest = length;
    return null;
  }

  private startChunks(transfer: string, length: number | null): ParseStep | "done" | null {
    if (length !== null) return this.bad("malformed", "it has both a content-length and a transfer-encoding");
    if (transfer.trim().toLowerCase() !== "chunked" || this.minor === 0) {
      return this.bad("malformed", `its transfer-encoding is ${transfer.slice(0, 40)}`);
    }
    if (this.status === 204 || this.status === 304) return "done";
    this.state = "chunk-size";
    return null;
  }

  private takeChunkSize(line: string): ParseStep | null {
    // The extension is any text; RFC 9112 7.1.1 lets us ignore it.
    const found = /^([0-9A-Fa-f]{1,8})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*|[\t ]*)$/.exec(line);
    if (found === null) return this.bad("malformed", "a chunk has no size");
    const size = Number.parseInt(found[1] ?? "", 16);
    if (this.bodyBytes + size > this.maxBytes) return this.tooLarge();
    this.state = size === 0 ? "trailer" : "chunk";
    this.rest = size;
    return null;
  }
}
