/** The HTTP side: the page, its event stream, the state as JSON, and the metrics. Read-only: nothing but GET is answered. */
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { OperationError } from "../../core/errors.ts";
import { hostAllowed, type ListenAddress } from "./address.ts";
import { EventHub, eventText } from "./hub.ts";
import type { DashboardCharts, DashboardState, StateSource } from "./model.ts";
import { PAGE_POLICY, renderDashboard } from "./page.ts";

/** Longest time between two states, and between two sets of charts, wall ms: at most four states a second. */
export const STATE_EVERY_MS = 250;
export const CHARTS_EVERY_MS = 2_000;
const SHUTDOWN_MS = 1_000;

export interface ServeOptions {
  readonly address: ListenAddress;
  /** Addresses in digits are answered as host names too. */
  readonly expose: boolean;
  /** Further names of this machine. */
  readonly hosts: readonly string[];
  /** Hears of faults of our own while answering; the client only learns that there was one. */
  readonly onFault: (error: unknown) => void;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};

/** The answer to a request that is none of ours: a foreign host name, another site, a method that writes. Null: go on. */
function refusal({ expose, hosts }: ServeOptions, c: Context): Response | null {
  if (!hostAllowed(c.req.header("host") ?? null, expose, hosts)) {
    return c.text("This host name is not answered here.\n", 421, HEADERS);
  }
  if (c.req.method !== "GET" && c.req.method !== "HEAD") {
    return c.text("Only GET.\n", 405, { ...HEADERS, allow: "GET, HEAD" });
  }
  if (c.req.header("sec-fetch-site") === "cross-site" && c.req.header("sec-fetch-mode") !== "navigate") {
    return c.text("Not for other sites.\n", 403, HEADERS);
  }
  return null;
}

const guard = (options: ServeOptions): MiddlewareHandler => async (c, next) => {
  const refused = refusal(options, c);
  if (refused !== null) return refused;
  await next();
  for (const [name, value] of Object.entries(HEADERS)) c.res.headers.set(name, value);
  return undefined;
};

/** Throws LISTEN_FAILED. */
function listen(app: Hono, options: ServeOptions): RunningServer {
  app.onError((error, c) => {
    options.onFault(error);
    return c.text("A fault of poly-edge itself.\n", 500, HEADERS);
  });
  const { host, port } = options.address;
  const hostname = host.replace(/^\[|\]$/g, "");
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({
      hostname,
      port,
      onListen: () => {},
      onError: () => new Response("A fault of poly-edge itself.\n", { status: 500 }),
    }, app.fetch);
  } catch (cause) {
    throw new OperationError({
      code: "LISTEN_FAILED",
      message: `Cannot listen on ${host}:${port}: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: cause instanceof Deno.errors.NotCapable
        ? "The permission set allows loopback only; run Deno with --allow-net for that address."
        : "Choose another port, or 0 for any free one.",
      cause,
    });
  }
  const at = isAny(hostname) ? "127.0.0.1" : host;
  return {
    url: `http://${at}:${server.addr.port}/`,
    port: server.addr.port,
    async close() {
      // Open connections end with their streams; one that does not is cut.
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, SHUTDOWN_MS));
      await Promise.race([server.shutdown(), late]);
      clearTimeout(timer);
    },
  };
}

const isAny = (host: string): boolean => host === "0.0.0.0" || host === "::";

/** Serves `metrics()` at /metrics. Throws LISTEN_FAILED. */
export function serveMetrics(
  metrics: () => Promise<string>,
  contentType: string,
  options: ServeOptions,
): RunningServer {
  const app = new Hono();
  app.use(guard(options));
  app.get("/metrics", async (c) => c.body(await metrics(), 200, { "content-type": contentType }));
  app.get("/", (c) => c.text("poly-edge: metrics are at /metrics\n"));
  return listen(app, options);
}

export interface DashboardServer extends RunningServer {
  readonly hub: EventHub;
  /** Looks once and tells everybody; the timer does this by itself. */
  tick(): void;
}

/** Serves the page for `source`. State is only built while somebody looks. Throws LISTEN_FAILED. */
export function serveDashboard(
  source: StateSource,
  options: ServeOptions,
  now: () => number = () => performance.now(),
): DashboardServer {
  const hub = new EventHub({ now });
  const look = looker(source, now);
  const app = new Hono();
  app.use(guard(options));
  app.get("/", (c) => c.html(renderDashboard(), 200, { "content-security-policy": PAGE_POLICY }));
  app.get("/state.json", (c) => {
    const state = look.state();
    return state === null
      ? c.text("There is no session yet.\n", 503)
      : c.json({ ...state, charts: look.charts() });
  });
  app.get("/events", (c) => {
    const stream = hub.open(
      `retry: 1000\n\n${events(look, true).map((event) => eventText(...event)).join("")}`,
    );
    if (stream === null) return c.text("Too many pages are open.\n", 503);
    return c.body(stream, 200, { "content-type": "text/event-stream; charset=utf-8" });
  });
  let chartsAt = -Infinity;
  const tick = () => {
    if (hub.size === 0) return;
    const withCharts = now() - chartsAt >= CHARTS_EVERY_MS;
    if (withCharts) chartsAt = now();
    for (const event of events(look, withCharts)) hub.send(...event);
  };
  const server = listen(app, options);
  const timer = setInterval(tick, STATE_EVERY_MS);
  return {
    ...server,
    hub,
    tick,
    async close() {
      clearInterval(timer);
      hub.close("bye", "{}");
      await server.close();
    },
  };
}

/** The events that tell a look: none before there is a session. */
function events(look: StateSource, withCharts: boolean): [name: string, json: string][] {
  const state = look.state();
  const charts = withCharts ? look.charts() : null;
  return [
    ...(state === null ? [] : [["state", JSON.stringify(state)] as [string, string]]),
    ...(charts === null ? [] : [["charts", JSON.stringify(charts)] as [string, string]]),
  ];
}

/** Many who ask within a moment are given the same look, so that requests cannot cost the session its time. */
function looker(source: StateSource, now: () => number): StateSource {
  let state: DashboardState | null = null;
  let charts: DashboardCharts | null = null;
  let [stateAt, chartsAt] = [-Infinity, -Infinity];
  return {
    state() {
      if (state === null || now() - stateAt >= STATE_EVERY_MS - 10) {
        state = source.state();
        stateAt = now();
      }
      return state;
    },
    charts() {
      if (charts === null || now() - chartsAt >= CHARTS_EVERY_MS - 10) {
        charts = source.charts();
        chartsAt = now();
      }
      return charts;
    },
  };
}
