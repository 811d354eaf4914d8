/**
 * WebSocket frames over a plain TCP connection, from the server's side and as far as `bench/wire_flood.ts` needs them: text that
 * was prepared as bytes leaves many frames to a write, which a socket of the runtime cannot do.
 */

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** The bytes of one unmasked frame, and where its payload begins in them. */
export function frameOf(
  payload: Uint8Array,
  opcode = TEXT,
): { bytes: Uint8Array<ArrayBuffer>; begin: number } {
  const { length } = payload;
  const begin = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const bytes = new Uint8Array(begin + length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x80 | opcode;
  if (begin === 2) bytes[1] = length;
  else if (begin === 4) {
    bytes[1] = 126;
    view.setUint16(2, length);
  } else {
    bytes[1] = 127;
    view.setBigUint64(2, BigInt(length));
  }
  bytes.set(payload, begin);
  return { bytes, begin };
}

export interface ClientFrame {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** The client's frames in `bytes`, each masked and whole, and how many bytes they took; a broken rest stays for later. */
export function clientFrames(bytes: Uint8Array): { frames: ClientFrame[]; taken: number } {
  const frames: ClientFrame[] = [];
  let at = 0;
  for (;;) {
    const head = bytes.subarray(at, at + 14);
    if (head.length < 6) break;
    const short = head[1]! & 0x7f;
    const wide = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (head.length < 6 + wide) break;
    const view = new DataView(head.buffer, head.byteOffset);
    const length = wide === 0 ? short : wide === 2 ? view.getUint16(2) : Number(view.getBigUint64(2));
    const begin = at + 2 + wide + 4;
    if (bytes.length < begin + length) break;
    const mask = bytes.subarray(begin - 4, begin);
    const payload = bytes.slice(begin, begin + length).map((byte, i) => byte ^ mask[i & 3]!);
    frames.push({ opcode: head[0]! & 0x0f, payload });
    at = begin + length;
  }
  return { frames, taken: at };
}

async function acceptKey(key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(key + GUID));
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

/** A connection that has been upgraded. Bytes leave in the order in which they were given. */
export class RawSocket {
  /** Longest time from being given to being in the kernel's hands, wall ms. */
  heldMs = 0;
  onText: (text: string) => void = () => {};
  onEnd: () => void = () => {};
  private readonly queue: { readonly bytes: Uint8Array; readonly atMs: number }[] = [];
  private queued = 0;
  private writing = false;
  private ended = false;

  constructor(private readonly conn: Deno.TcpConn) {}

  /** Bytes that the kernel has not taken yet. */
  get waiting(): number {
    return this.queued;
  }

  text(text: string): void {
    this.bytes(frameOf(new TextEncoder().encode(text)).bytes);
  }

  /** Whole frames, ready to leave; they must not be written to any more. */
  bytes(bytes: Uint8Array): void {
    if (this.ended) return;
    this.queue.push({ bytes, atMs: performance.now() });
    this.queued += bytes.length;
    if (!this.writing) void this.write();
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.conn.close();
    this.onEnd();
  }

  /** Reads until the other side ends. */
  async read(rest: Uint8Array): Promise<void> {
    let held = rest;
    const buffer = new Uint8Array(65_536);
    while (!this.ended) {
      const { frames, taken } = clientFrames(held);
      held = held.slice(taken);
      for (const { opcode, payload } of frames) {
        if (opcode === TEXT) this.onText(new TextDecoder().decode(payload));
        else if (opcode === PING) this.bytes(frameOf(payload, PONG).bytes);
        else if (opcode === CLOSE) return this.end();
      }
      const count = await this.conn.read(buffer).catch(() => null);
      if (count === null) return this.end();
      const both = new Uint8Array(held.length + count);
      both.set(held);
      both.set(buffer.subarray(0, count), held.length);
      held = both;
    }
  }

  private async write(): Promise<void> {
    this.writing = true;
    for (let next = this.queue.shift(); next !== undefined && !this.ended; next = this.queue.shift()) {
      for (let at = 0; at < next.bytes.length;) {
        const count = await this.conn.write(next.bytes.subarray(at)).catch(() => null);
        if (count === null) return this.end();
        at += count;
      }
      this.queued -= next.bytes.length;
      this.heldMs = Math.max(this.heldMs, performance.now() - next.atMs);
    }
    this.writing = false;
  }
}

/** Answers handshakes on loopback; `open` gets the request's path with its query. */
export function serveSockets(open: (path: string, socket: RawSocket) => void): Deno.TcpListener {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const greet = async (conn: Deno.TcpConn): Promise<void> => {
    conn.setNoDelay(true);
    const buffer = new Uint8Array(8_192);
    let length = 0;
    for (;;) {
      const count = await conn.read(buffer.subarray(length));
      if (count === null || (length += count) === buffer.length) return conn.close();
      const text = new TextDecoder().decode(buffer.subarray(0, length));
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) continue;
      const path = /^GET (\S+) /.exec(text)?.[1];
      const key = /^sec-websocket-key: *(\S+)/im.exec(text)?.[1];
      if (path === undefined || key === undefined) return conn.close();
      const socket = new RawSocket(conn);
      await conn.write(
        new TextEncoder().encode(
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
            `Sec-WebSocket-Accept: ${await acceptKey(key)}\r\n\r\n`,
        ),
      );
      open(path, socket);
      return socket.read(buffer.slice(end + 4, length));
    }
  };
  void (async () => {
    for await (const conn of listener) void greet(conn).catch(() => {});
  })();
  return listener;
}
