/**
 * The simulated venue of `bench/wire.ts`, in a process of its own: it notes when each order's request was read. A line on stdin
 * asks for what was noted since the last one: `{salt: wall ms}` comes back on stdout. Ends with stdin.
 */
import { startVenue } from "../fixtures/venue/venue.ts";
import { wallMs } from "./wire_stamp.ts";

let arrivals: Record<string, number> = {};
const serve = Deno.serve as unknown as (
  options: { handler: (request: Request) => Promise<Response> },
) => Deno.HttpServer;
Deno.serve = ((options: { handler: (request: Request) => Promise<Response> }) =>
  serve({
    ...options,
    handler: async (request) => {
      if (request.method === "POST" && request.url.endsWith("/order")) {
        const at = wallMs();
        const salt = /"salt":"?(\d+)/.exec(await request.clone().text())?.[1];
        if (salt !== undefined) arrivals[salt] = at;
      }
      return await options.handler(request);
    },
  })) as unknown as typeof Deno.serve;

const venue = await startVenue({
  seed: 11,
  speed: 1,
  // Near its end a window's book has one side only: a run of the usual length lies within one of five minutes.
  startMs: Date.UTC(2026, 10, 21, 9, 35, 2),
  durations: ["5m", "15m"],
  historyHours: 1,
});
console.log(JSON.stringify({ port: venue.port, aheadMs: venue.now() - wallMs() }));
for await (const _line of Deno.stdin.readable) {
  console.log(JSON.stringify(arrivals));
  arrivals = {};
}
await venue.close();
Deno.exit(0);
