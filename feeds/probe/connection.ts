/**
 * A connection written by hand, so that its steps can be timed one by one: lookup, TCP, TLS, and requests in HTTP/1.1. By
 * node:net and node:tls: they tell when the name was found, connect to any of its addresses as the permission of the name
 * allows, and end at once when they are told to.
 */
import net from "node:net";
import tls from "node:tls";
import { HttpError, statusFailure, USER_AGENT } from "../net/http.ts";
import { lateFailure, networkFailure } from "./failure.ts";

/** `keepAlive`: a round trip on the connection once it stands. */
export const LEGS = ["dns", "tcp", "tls", "firstByte", "keepAlive"] as const;
export type Leg = typeof LEGS[number];

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

export interface Limits {
  /** For each step: the lookup with the connection, the handshake, an answer. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly monotonicUs: () => number;
  /** PEM texts trusted beside those of the runtime; null for none. */
  readonly caCerts: readonly string[] | null;
}

/** What opening found out, also when it failed half-way. */
export interface Opening {
  readonly ms: Partial<Record<Leg, number>>;
  /** Of both families, in the order they would be tried; empty for an address. */
  resolved: readonly Address[];
  used: Address | null;
  /** Where it is, or where it failed. */
  at: Leg;
}

const MAX_ANSWER = 1_000_000;
const SAID: Readonly<Record<Leg, string>> = {
  dns: "its name did not resolve",
  tcp: "it did not take the connection",
  tls: "it did not finish the TLS handshake",
  firstByte: "it took the request and did not answer",
  keepAlive: "it took the request and did not answer",
};

const plainHost = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1");
const portOf = (url: URL): number => Number(url.port || (url.protocol === "https:" ? 443 : 80));
const placeOf = (url: URL): string => `${url.hostname}:${portOf(url)}`;
const familyOf = (family: unknown): 4 | 6 => String(family).endsWith("6") ? 6 : 4;

/**
 * Runs one step on a socket: settles with what `begin` reports, or with the socket's error, its end, the deadline or the
 * signal, whichever is first. The latter two destroy the socket.
 */
function step<T>(
  socket: net.Socket,
  late: HttpError,
  limits: Limits,
  begin: (done: (value: T) => void, fail: (error: unknown) => void) => () => void,
): Promise<T> {
  const { deadlineMs, signal } = limits;
  return new Promise((resolve, reject) => {
    let ended: (() => void) | null = null;
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError).off("close", onClose);
      ended?.();
      act();
    };
    const onError = (error: unknown) => settle(() => reject(error));
    const onClose = () => onError(new Error("ECONNRESET the connection was closed"));
    const onAbort = () => {
      onError(signal.reason);
      socket.destroy();
    };
    const timer = setTimeout(() => {
      onError(late);
      socket.destroy();
    }, deadlineMs);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", onError).on("close", onClose);
    try {
      ended = begin((value) => settle(() => resolve(value)), onError);
    } catch (error) {
      onError(error);
    }
  });
}

/** Swallows what a socket says after nobody listens any more: without a listener it would end the program. */
const quiet = (socket: net.Socket): net.Socket => socket.on("error", () => {});

function connect(url: URL, opening: Opening, limits: Limits): Promise<net.Socket> {
  const { monotonicUs } = limits;
  const found: Address[] = [];
  const fromUs = monotonicUs();
  let foundUs = fromUs;
  const host = plainHost(url);
  const named = net.isIP(host) === 0;
  opening.at = named ? "dns" : "tcp";
  const socket = quiet(new net.Socket());
  socket.setNoDelay(true);
  const place = placeOf(url);
  // Said anew below: which step is late is known only then.
  const late = lateFailure(place, SAID.tcp, limits.deadlineMs);
  return step<net.Socket>(socket, late, limits, (done) => {
    socket.on("lookup", (error: unknown, address: string, family: number | string) => {
      if (error instanceof Error) return;
      foundUs = monotonicUs();
      if (opening.at === "dns") opening.ms.dns = (foundUs - fromUs) / 1000;
      opening.at = "tcp";
      found.push({ address, family: familyOf(family) });
      opening.resolved = found;
    });
    socket.once("connect", () => {
      opening.ms.tcp = (monotonicUs() - foundUs) / 1000;
      opening.used = { address: socket.remoteAddress ?? "", family: familyOf(socket.remoteFamily) };
      done(socket);
    });
    // Last: the runtime may find the name before it returns.
    socket.connect({ host, port: portOf(url), autoSelectFamily: true });
    return () => {};
  }).catch((error: unknown) => {
    socket.destroy();
    if (error === late) throw lateFailure(place, SAID[opening.at], limits.deadlineMs);
    throw error;
  });
}

async function secure(tcp: net.Socket, url: URL, opening: Opening, limits: Limits): Promise<net.Socket> {
  opening.at = "tls";
  const { caCerts, deadlineMs, monotonicUs } = limits;
  const host = plainHost(url);
  const fromUs = monotonicUs();
  const socket = tls.connect({
    socket: tcp,
    ...(net.isIP(host) === 0 ? { servername: host } : { host }),
    ALPNProtocols: ["http/1.1"],
    ...(caCerts === null ? {} : { ca: [...caCerts] }),
  });
  quiet(socket);
  try {
    await step<void>(socket, lateFailure(placeOf(url), SAID.tls, deadlineMs), limits, (done) => {
      socket.once("secureConnect", () => done());
      return () => {};
    });
  } catch (error) {
    socket.destroy();
    tcp.destroy();
    throw error;
  }
  opening.ms.tls = (monotonicUs() - fromUs) / 1000;
  return socket;
}

/** A standing connection to one host. */
export interface Connection {
  /** Milliseconds from the request to the first byte of its answer. Throws HttpError, or the signal's reason. */
  request(leg: "firstByte" | "keepAlive"): Promise<number>;
  close(): void;
}

const headerOf = (head: string, name: string): string | undefined =>
  new RegExp(`\\r\\n${name}:[ \\t]*([^\\r]*)`, "i").exec(head)?.[1];

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** The answer when `text` holds it whole, else null. Throws for what is no HTTP/1.1. */
function parseAnswer(text: string): Answer | null {
  if (text.length >= 7 && !/^HTTP\/1\./.test(text)) throw new Error("its answer is no HTTP/1.1");
  if (text.length > MAX_ANSWER) throw new Error("its answer is too long");
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const head = text.slice(0, end);
  const body = text.slice(end + 4);
  const chunked = /chunked/i.test(headerOf(head, "transfer-encoding") ?? "");
  const whole = chunked
    ? /(^|\r\n)0\r\n\r\n$/.test(body)
    : body.length >= Number(headerOf(head, "content-length") ?? 0);
  return whole ? { status: Number(head.slice(9, 12)), head, body } : null;
}

function refusal(url: URL, { body, head, status }: Answer): HttpError | null {
  if (status >= 200 && status < 300) return null;
  const wait = headerOf(head, "retry-after");
  const headers = new Headers(wait === undefined ? {} : { "retry-after": wait });
  return statusFailure(url.href, { status, headers }, body);
}

/**
 * Opens a connection to the host of `url`; `opening` learns what was measured up to a failure. Throws HttpError, or the
 * signal's reason.
 */
export async function openConnection(url: URL, opening: Opening, limits: Limits): Promise<Connection> {
  const said = (error: unknown): unknown => {
    limits.signal.throwIfAborted();
    return error instanceof Deno.errors.NotCapable ? error : networkFailure(placeOf(url), error);
  };
  let socket: net.Socket;
  try {
    socket = await connect(url, opening, limits);
    if (url.protocol === "https:") socket = await secure(socket, url, opening, limits);
  } catch (error) {
    throw said(error);
  }
  const bytes = new TextEncoder().encode(
    `GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\nuser-agent: ${USER_AGENT}\r\n` +
      "accept: application/json\r\naccept-encoding: identity\r\n\r\n",
  );
  return {
    async request(leg) {
      opening.at = leg;
      const late = lateFailure(placeOf(url), SAID[leg], limits.deadlineMs);
      let text = "";
      let firstUs = 0;
      const sentUs = limits.monotonicUs();
      let answer: Answer;
      try {
        answer = await step<Answer>(socket, late, limits, (done, fail) => {
          const onData = (part: Uint8Array) => {
            if (text === "") firstUs = limits.monotonicUs();
            text += new TextDecoder("latin1").decode(part);
            try {
              const whole = parseAnswer(text);
              if (whole !== null) done(whole);
            } catch (error) {
              fail(error);
            }
          };
          socket.on("data", onData);
          socket.write(bytes);
          return () => void socket.off("data", onData);
        });
      } catch (error) {
        throw said(error);
      }
      const refused = refusal(url, answer);
      if (refused !== null) throw refused;
      return (firstUs - sentUs) / 1000;
    },
    close: () => void socket.destroy(),
  };
}
