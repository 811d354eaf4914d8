/** A headless Chromium over its own protocol: open a page, look at it, take a picture. No package is needed for that. */
import { join } from "node:path";

const CANDIDATES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
  "--remote-debugging-port=0",
];
const START_MS = 20_000;
const CALL_MS = 15_000;

/** Path of a Chromium on this machine (or `CHROMIUM`); null when there is none. */
export async function findChromium(): Promise<string | null> {
  const named = Deno.env.get("CHROMIUM");
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const paths = named !== undefined
    ? [named]
    : folders.flatMap((folder) => CANDIDATES.map((name) => join(folder, name)));
  for (const path of paths) {
    if (await Deno.stat(path).then((found) => found.isFile, () => false)) return path;
  }
  return null;
}

export interface View {
  readonly width: number;
  readonly height: number;
  readonly dark: boolean;
  readonly mobile: boolean;
}

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export class Page {
  private nextId = 1;
  private readonly waiting = new Map<number, (reply: Reply) => void>();
  /** Uncaught exceptions, errors of the console, and what the content security policy stopped. */
  readonly problems: string[] = [];

  private constructor(private readonly socket: WebSocket) {
    socket.onmessage = (event) => this.take(JSON.parse(String(event.data)) as Reply);
  }

  static async connect(url: string): Promise<Page> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error("the browser does not answer"));
    });
    const page = new Page(socket);
    for (const domain of ["Page", "Runtime", "Log"]) await page.call(`${domain}.enable`);
    return page;
  }

  private take(reply: Reply): void {
    if (reply.id !== undefined) {
      this.waiting.get(reply.id)?.(reply);
      this.waiting.delete(reply.id);
    } else if (reply.method === "Runtime.exceptionThrown") {
      this.problems.push(JSON.stringify(reply.params?.["exceptionDetails"]));
    } else if (reply.method === "Log.entryAdded") {
      const entry = reply.params?.["entry"] as { level: string; text: string };
      if (entry.level === "error") this.problems.push(entry.text);
    }
  }

  async call(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = this.nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const timer = setTimeout(() => reject(new Error(`${method} has no answer`)), CALL_MS);
    this.waiting.set(id, resolve);
    this.socket.send(JSON.stringify({ id, method, params }));
    try {
      const reply = await promise;
      if (reply.error !== undefined) throw new Error(`${method}: ${reply.error.message}`);
      return reply.result ?? {};
    } finally {
      clearTimeout(timer);
    }
  }

  async open(url: string, view: View): Promise<void> {
    await this.resize(view);
    await this.call("Page.navigate", { url });
    await this.until(
      `location.href.startsWith(${JSON.stringify(url)}) && document.readyState === "complete"`,
    );
  }

  async resize({ width, height, dark, mobile }: View): Promise<void> {
    await this.call("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      mobile,
      deviceScaleFactor: mobile ? 2 : 1,
    });
    const value = dark ? "dark" : "light";
    await this.call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
  }

  /** Value of an expression in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.call("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    }) as { result: { value: T }; exceptionDetails?: { text: string } };
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${exceptionDetails.text}`);
    return result.value;
  }

  /** Waits, watched by the browser's own frames, until `expression` holds. */
  async until(expression: string, withinMs = 10_000): Promise<void> {
    const held = await this.evaluate<boolean>(
      `new Promise((done) => { const end = performance.now() + ${withinMs}; const holds = () => { try { return ${expression}; } catch { return false; } }; const look = () => { if (holds()) done(true); ` +
        `else if (performance.now() > end) done(false); else setTimeout(look, 20); }; look(); })`,
    );
    if (!held) throw new Error(`not within ${withinMs} ms: ${expression}`);
  }

  /** PNG of the window, or of the whole page. */
  async picture(whole: boolean): Promise<Uint8Array<ArrayBuffer>> {
    const { data } = await this.call("Page.captureScreenshot", {
      format: "png",
      captureBeyondViewport: whole,
    }) as { data: string };
    return Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  }

  close(): void {
    this.socket.close();
  }
}

async function addressOf(process: Deno.ChildProcess): Promise<string> {
  const reader = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  const timer = setTimeout(() => process.kill("SIGKILL"), START_MS);
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the browser ended: ${text.slice(-500)}`);
    text += value;
    const found = /DevTools listening on ws:\/\/([^/]+)\//.exec(text)?.[1];
    if (found === undefined) continue;
    clearTimeout(timer);
    // The pipe is read to its end, so that it never fills.
    void (async () => {
      while (!(await reader.read()).done);
    })().catch(() => {});
    return found;
  }
}

/** Starts a browser, gives its first page to `use`, and ends it. */
export async function withPage(chromium: string, use: (page: Page) => Promise<void>): Promise<void> {
  const profile = await Deno.makeTempDir({ prefix: "chromium-" });
  const process = new Deno.Command(chromium, {
    args: [...FLAGS, `--user-data-dir=${profile}`, "about:blank"],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  try {
    const address = await addressOf(process);
    const targets = await (await fetch(`http://${address}/json/list`)).json() as {
      type: string;
      webSocketDebuggerUrl: string;
    }[];
    const target = targets.find(({ type }) => type === "page");
    if (target === undefined) throw new Error("the browser has no page");
    const page = await Page.connect(target.webSocketDebuggerUrl);
    try {
      await use(page);
    } finally {
      page.close();
    }
  } finally {
    process.kill("SIGKILL");
    await process.status;
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
}
