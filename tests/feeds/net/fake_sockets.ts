/** Sockets that a test plays by hand, in place of the network. */

export class FakeSocket {
  readyState: number = WebSocket.CONNECTING;
  readonly sent: string[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: { message: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(readonly url: string) {}

  get open(): boolean {
    return this.readyState === WebSocket.OPEN;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  /** Ours: never answered by a close event, as after a network loss. */
  close(): void {
    this.readyState = WebSocket.CLOSING;
  }

  accept(): void {
    this.readyState = WebSocket.OPEN;
    this.onopen?.();
  }

  say(text: string): void {
    this.onmessage?.({ data: text });
  }

  refuse(status: number): void {
    this.readyState = WebSocket.CLOSED;
    this.onerror?.({ message: `failed to connect: Invalid status code: ${status}` });
  }

  hangUp(code = 1006): void {
    this.readyState = WebSocket.CLOSED;
    this.onclose?.({ code, reason: "" });
  }
}

/** Opens fakes and keeps them in order. */
export function fakeSockets(): { readonly list: FakeSocket[]; readonly open: (url: string) => WebSocket } {
  const list: FakeSocket[] = [];
  return {
    list,
    open: (url) => {
      const socket = new FakeSocket(url);
      list.push(socket);
      return socket as unknown as WebSocket;
    },
  };
}
