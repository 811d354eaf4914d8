/**
 * Server-sent events to every open page. A state is whole, so a client that cannot keep up is sent fewer of them; one that
 * takes nothing for a while is dropped. Nothing is ever queued behind a slow client beyond one buffer.
 */
export interface HubOptions {
  /** Most pages open at once. Default 16. */
  readonly maxClients?: number;
  /** Bytes that may wait for one client. Default 512 KiB. */
  readonly maxBufferBytes?: number;
  /** A client whose buffer stays full this long is dropped, ms of `now`. Default 10 s. */
  readonly patienceMs?: number;
  /** Monotonic ms. */
  readonly now: () => number;
}

interface Client {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** When its buffer was first found full; NaN while it keeps up. */
  fullSince: number;
}

const encoder = new TextEncoder();

/** One event in the format of the HTML standard, 9.2.6. `json` has no newlines. */
export const eventText = (name: string, json: string): string => `event: ${name}\ndata: ${json}\n\n`;

export class EventHub {
  private readonly clients = new Set<Client>();
  private readonly maxClients: number;
  private readonly maxBufferBytes: number;
  private readonly patienceMs: number;
  /** Clients dropped because they took nothing. */
  dropped = 0;
  /** Events left out for clients that were slow. */
  skipped = 0;

  constructor(private readonly options: HubOptions) {
    this.maxClients = options.maxClients ?? 16;
    this.maxBufferBytes = options.maxBufferBytes ?? 512 * 1024;
    this.patienceMs = options.patienceMs ?? 10_000;
  }

  get size(): number {
    return this.clients.size;
  }

  /** A stream for one client that begins with `first`; null when there are too many. */
  open(first: string): ReadableStream<Uint8Array> | null {
    if (this.clients.size >= this.maxClients) return null;
    let client: Client;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        client = { controller, fullSince: NaN };
        this.clients.add(client);
        controller.enqueue(encoder.encode(first));
      },
      cancel: () => void this.clients.delete(client),
    }, { highWaterMark: this.maxBufferBytes, size: (chunk) => chunk?.byteLength ?? 0 });
  }

  /** Sends one event to everybody who can take it. */
  send(name: string, json: string): void {
    if (this.clients.size === 0) return;
    const bytes = encoder.encode(eventText(name, json));
    const now = this.options.now();
    for (const client of this.clients) this.sendTo(client, bytes, now);
  }

  private sendTo(client: Client, bytes: Uint8Array, now: number): void {
    const { controller } = client;
    if ((controller.desiredSize ?? 0) >= bytes.byteLength) {
      client.fullSince = NaN;
      controller.enqueue(bytes);
      return;
    }
    this.skipped++;
    if (Number.isNaN(client.fullSince)) client.fullSince = now;
    else if (now - client.fullSince > this.patienceMs) {
      this.dropped++;
      this.clients.delete(client);
      controller.error(new DOMException("the client takes nothing", "AbortError"));
    }
  }

  /** Says goodbye with a last event and ends every stream. */
  close(name: string, json: string): void {
    const bytes = encoder.encode(eventText(name, json));
    for (const { controller } of this.clients) {
      try {
        controller.enqueue(bytes);
        controller.close();
      } catch {
        // The client went away in this very moment.
      }
    }
    this.clients.clear();
  }
}
