import assert from "node:assert/strict";
import { join } from "node:path";
import { measureNetwork } from "../../commands/probe/network.ts";
import type { ProbeResult } from "../../commands/probe/result.ts";
import { StageList } from "../../commands/probe/stage_list.ts";
import type { CommandContext, Warning } from "../../commands/command.ts";
import { defaultConfig } from "../../commands/config/schema.ts";
import { simProfile } from "../../feeds/venue_profile.ts";
import { poly, type Ran } from "../cli/harness.ts";
import { httpProxy, socksProxy } from "../feeds/net/proxies.ts";
import { CERT, closedPort, using, withHost } from "../feeds/probe/stage.ts";
import { withAccountDesk } from "./account_desk.ts";

/** As much of a context as the network part uses. */
function contextOf(warnings: Warning[], proxy = ""): CommandContext {
  const config = defaultConfig();
  const part: Partial<CommandContext> = {
    config: { ...config, network: { ...config.network, proxy } },
    signal: new AbortController().signal,
    warn: (warning) => void warnings.push(warning),
  };
  return part as CommandContext;
}

const quiet = { update: () => {}, stop: () => {} };

/** Every host of the venue is the TLS host, but for `more`. */
async function measured(
  port: number,
  more: { readonly deribitRest?: string; readonly proxies?: readonly (string | null)[] },
) {
  const base = `https://localhost:${port}`;
  const { deribitRest = base, proxies = [null] } = more;
  const profile = { ...simProfile(port), clob: base, futuresRest: base, spotRest: base, deribitRest };
  const [list, warnings] = [new StageList(), [] as Warning[]];
  const ways = { samples: 3, proxies, caCerts: [CERT] };
  const ctx = contextOf(warnings, proxies[0] ?? "");
  const found = await measureNetwork(ctx, profile, ways, list, quiet);
  return { ...found, stages: list.stages, warnings };
}

Deno.test("over TLS every host has its five legs, its address and family; every way is a row", async () => {
  await withHost({}, async ({ tlsPort }) => {
    const { clients, hosts, orderHostFailure, stages, warnings } = await measured(tlsPort, {});
    assert.deepEqual(warnings, []);
    assert.equal(orderHostFailure, null);
    for (const host of ["clob", "futures", "spot", "deribit"]) {
      for (const leg of ["dns", "tcp", "tls", "firstByte", "keepAlive"]) {
        assert.equal(stages[`${host}.${leg}`]?.n, 3, `${host}.${leg}`);
      }
    }
    for (const host of hosts) {
      assert.deepEqual(host.used, { address: "127.0.0.1", family: 4 });
      assert.ok(host.resolved.length > 0);
    }
    assert.deepEqual(clients.map(({ numbers, state, version }) => [version, state, numbers?.n]), [
      ["HTTP/1.1", "cold", 3],
      ["HTTP/1.1", "warm", 3],
      ["HTTP/2", "cold", 3],
      ["HTTP/2", "warm", 3],
    ]);
    assert.equal(stages["clob.warm"]?.n, 3);
  });
});

Deno.test("a proxy that is down is one line, a host that is down another; all else is measured", async () => {
  const [good, dead] = [httpProxy(), `socks5://127.0.0.1:${closedPort()}`];
  await using([good], () =>
    withHost({}, async ({ tlsPort }) => {
      const deribitRest = `https://localhost:${closedPort()}`;
      const found = await measured(tlsPort, { deribitRest, proxies: [null, dead, good.url] });
      assert.deepEqual(found.warnings.map(({ code, message }) => [code, message.replace(/\d{4,5}/g, "P")]), [
        [
          "PROBE_HOST_SILENT",
          "deribit failed at the TCP connection: Cannot reach localhost:P: nothing listens there: the connection is refused",
        ],
        ["PROBE_WAY_FAILED", "Cannot use the proxy socks5://127.0.0.1:P: it cannot be reached"],
      ]);
      assert.equal(found.clients.length, 4 + 1 + 4);
      assert.deepEqual(found.hosts.at(-1)!.failure?.leg, "tcp");
      assert.equal(found.orderHostFailure, null);
    }));
});

Deno.test("through a configured proxy no leg goes round it, and the warm GET stands for the round trip", async () => {
  const socks = socksProxy();
  await using([socks], () =>
    withHost({}, async ({ spoken, tlsPort }) => {
      const found = await measured(tlsPort, { proxies: [socks.url] });
      assert.deepEqual(found.warnings.map(({ code }) => code), ["PROBE_LEGS_SKIPPED"]);
      assert.deepEqual([Object.keys(found.stages), found.hosts], [["clob.warm"], []]);
      assert.equal(socks.targets.length, spoken.length);
      assert.equal(found.orderHostFailure, null);
    }));
});

/** Passes everything on to the venue but requests whose first line matches: those get `answer`. */
async function withFront(
  target: string,
  match: RegExp,
  answer: string,
  act: (url: string) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = new URL(target);
  const open = new Set<Deno.Conn>();
  const close = (conn: Deno.Conn) => {
    try {
      conn.close();
    } catch {
      // Closed already.
    }
  };
  const pump = async (from: Deno.Conn, take: (bytes: Uint8Array) => Promise<unknown>) => {
    const buffer = new Uint8Array(65_536);
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      await take(buffer.subarray(0, count));
    }
  };
  const relay = async (conn: Deno.Conn) => {
    const upstream = await Deno.connect({ hostname, port: Number(port) });
    for (const one of [conn, upstream]) open.add(one);
    await Promise.race([
      pump(conn, (bytes) => {
        const line = new TextDecoder("latin1").decode(bytes).split("\r\n")[0]!;
        return match.test(line) ? conn.write(new TextEncoder().encode(answer)) : upstream.write(bytes);
      }),
      pump(upstream, (bytes) => conn.write(bytes)),
    ]).catch(() => {});
    close(conn);
    close(upstream);
  };
  const tasks: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) tasks.push(relay(conn));
  })();
  try {
    await act(`http://127.0.0.1:${listener.addr.port}`);
  } finally {
    listener.close();
    for (const conn of open) close(conn);
    await accepting;
    await Promise.all(tasks);
  }
}

const SHORT = ["--samples", "3", "--for", "1s"];

async function probed(
  match: RegExp,
  answer: string,
  more: string[] = [],
): Promise<{ ran: Ran; data: string }> {
  let ran: Ran | undefined;
  let left = "";
  await withAccountDesk({}, (desk) =>
    withFront(desk.http, match, answer, async (url) => {
      const globals = ["--venue", url, "--data", desk.data, "--json"];
      ran = await desk.run(poly(["latency-probe", ...SHORT, ...more, ...globals], { env: desk.env }));
      left = [...Deno.readDirSync(desk.data)].map(({ name }) => name).filter((name) => name.startsWith("."))
        .join();
    }));
  return { ran: ran!, data: left };
}

Deno.test("a venue that refuses this place, or wants fewer requests, is said so with what was measured", async () => {
  const cases = [[451, "GEO_BLOCKED", 4], [429, "RATE_LIMITED", 1]] as const;
  for (const [status, code, exit] of cases) {
    const answer = `HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`;
    const { data, ran } = await probed(/^GET \/clob\/time /, answer);
    assert.deepEqual([ran.envelope?.error?.code, ran.code], [code, exit], ran.err);
    const details = ran.envelope!.error!.details as unknown as ProbeResult;
    assert.deepEqual(details.hosts.map(({ failure, name }) => [name, failure?.code ?? null]), [
      ["clob", code],
      ["futures", null],
      ["spot", null],
      ["deribit", null],
    ]);
    assert.ok((details.stages["futures.keepAlive"]?.n ?? 0) > 0 && (details.stages["sign"]?.n ?? 0) > 0);
    assert.equal(details.clients[0]?.failure?.code, code);
    assert.equal(data, "", "nothing is left behind");
  }
});

Deno.test("without the feeds the probe is done in part: no go, exit 5, and the model keeps its feed latency", async () => {
  const { ran } = await probed(/ \/gamma\//, "HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n");
  assert.equal(ran.code, 5, ran.err);
  const data = ran.envelope!.data as unknown as ProbeResult;
  assert.deepEqual(data.budget.missing, ["feed"]);
  assert.notEqual(data.verdict, "go");
  assert.equal("feedLatencyQuantiles" in data.model, false);
  assert.ok(ran.envelope!.warnings!.some(({ code }) => code === "PROBE_NO_FEED_AGE"));
});

Deno.test("no password of a compared proxy is printed, logged or saved; a list that is none is refused", async () => {
  const proxy = httpProxy({ username: "user", password: "right" });
  await using([proxy], () =>
    withAccountDesk({}, async (desk) => {
      const out = join(desk.data, "probe.json");
      const url = proxy.url.replace("//", "//user:wrong-word@");
      const argv = ["latency-probe", ...SHORT, "--out", out, "--compare-proxies", `direct, ${url}`];
      const ran = await desk.run(desk.cli(argv));
      assert.ok(ran.code === 0 || ran.code === 3, ran.err);
      assert.match(ran.err, /Cannot use the proxy http:\/\/127\.0\.0\.1:\d+: it refuses our credentials/);
      assert.match(ran.out, /http:\/\/127\.0\.0\.1:\d+, failed +0 +-/);
      assert.ok(!(ran.out + ran.err + Deno.readTextFileSync(out)).includes("wrong-word"));
      const none = await desk.cli(["latency-probe", "--compare-proxies", "ftp://user:wrong-word@host"]);
      assert.deepEqual([none.code, (none.out + none.err).includes("wrong-word")], [2, false]);
    }));
});
