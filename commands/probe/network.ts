/** The part of a probe that goes over the network without an account: legs to every host, and a GET in each way. */
import { OperationError } from "../../core/errors.ts";
import type { HttpError } from "../../feeds/net/http.ts";
import { Secret } from "../../feeds/keys/secret.ts";
import { type ClientTimes, measureClients, proxyAddress } from "../../feeds/probe/clients.ts";
import { type HostLegs, type Leg, LEGS, measureLegs } from "../../feeds/probe/legs.ts";
import { asVenueError } from "../../feeds/venue_error.ts";
import type { VenueProfile } from "../../feeds/venue_profile.ts";
import type { CommandContext, Progress } from "../command.ts";
import { secretsDesk } from "../run.ts";
import { numbersOfMs } from "./numbers.ts";
import type { ProbeResult } from "./result.ts";
import type { StageList } from "./stage_list.ts";

/** Connections opened for the legs and for cold requests: each costs the venue a handshake. */
const MOST_CONNECTIONS = 10;
/** For each step: a connection, a handshake, an answer. */
const DEADLINE_MS = 5000;

/** A light answer of each service. The first is the one that takes orders. */
const hostsOf = (profile: VenueProfile): readonly (readonly [name: string, url: string])[] => [
  ["clob", `${profile.clob}/time`],
  ["futures", `${profile.futuresRest}/fapi/v1/time`],
  ["spot", `${profile.spotRest}/api/v3/time`],
  ["deribit", `${profile.deribitRest}/api/v2/public/get_time`],
];

export interface ProbeWays {
  readonly samples: number;
  /** null: direct. The first is the configured way. */
  readonly proxies: readonly (string | null)[];
  /** PEM texts trusted beside those of the runtime. */
  readonly caCerts?: readonly string[];
}

export interface NetworkFindings {
  readonly hosts: ProbeResult["hosts"];
  readonly clients: ProbeResult["clients"];
  /** Why the order host gave no round trip; null when it gave one. */
  readonly orderHostFailure: HttpError | null;
}

/**
 * The configured way first, then those of `--compare-proxies`: URLs, or `direct`. Their passwords are blanked out of
 * everything printed. Throws USAGE.
 */
export function proxiesOf(ctx: CommandContext, text: unknown): readonly (string | null)[] {
  const configured = ctx.config.network.proxy === "" ? null : ctx.config.network.proxy;
  const more = typeof text === "string"
    ? text.split(",").map((one) => one.trim()).filter((one) => one !== "")
    : [];
  const urls = more.filter((one) => one !== "direct");
  for (const url of urls) {
    if (/^(https?|socks5h?):\/\/[^\s/]+\/?$/.test(url) && URL.canParse(url)) continue;
    throw new OperationError({
      code: "USAGE",
      message: "Cannot read --compare-proxies as a list of proxy URLs",
      hint: "For example: http://127.0.0.1:3128,socks5://127.0.0.1:1080; `direct` for none.",
      exit: 2,
    });
  }
  // As it was written and as a URL spells it: either may turn up in a message.
  const passwords = urls.flatMap((
    url,
  ) => [/\/\/[^/@]*?:([^@]*)@/.exec(url)?.[1] ?? "", new URL(url).password]);
  secretsDesk(ctx).hide(passwords.filter((word) => word !== "").map((word) => new Secret(word)));
  const ways = [configured, ...more.map((one) => one === "direct" ? null : one)];
  return [...new Set(ways)];
}

const LEG_WORDS: Readonly<Record<Leg, string>> = {
  dns: "the lookup",
  tcp: "the TCP connection",
  tls: "the TLS handshake",
  firstByte: "the first answer",
  keepAlive: "a further answer",
};

const reasonOf = (failure: HttpError | null) =>
  failure === null ? null : { code: failure.code, message: failure.message };

type HostRow = ProbeResult["hosts"][number];

function hostRow(name: string, url: string, { failure, resolved, used }: HostLegs): HostRow {
  return {
    ...{ name, host: new URL(url).host, resolved: [...resolved], used },
    failure: failure === null ? null : { leg: failure.leg, ...reasonOf(failure.error)! },
  };
}

const wayText = ({ proxy }: ClientTimes): string => proxy === null ? "" : ` through ${proxyAddress(proxy)}`;

/**
 * Measures legs (not through a configured proxy) and ways. What a host or a proxy does wrong is a warning and a row. Throws
 * the signal's reason, and what the runtime does not permit.
 */
export async function measureNetwork(
  ctx: CommandContext,
  profile: VenueProfile,
  ways: ProbeWays,
  list: StageList,
  progress: Progress,
): Promise<NetworkFindings> {
  const { proxies, samples } = ways;
  const monotonicUs = (): number => performance.now() * 1000;
  const shared = {
    ...{ deadlineMs: DEADLINE_MS, signal: ctx.signal, monotonicUs },
    ...(ways.caCerts === undefined ? {} : { caCerts: ways.caCerts }),
  };
  const targets = hostsOf(profile);
  const hosts: HostRow[] = [];
  let failure: HttpError | null = null;
  if (proxies[0] !== null) {
    ctx.warn({
      code: "PROBE_LEGS_SKIPPED",
      message: "Lookup, TCP and TLS are not measured through a proxy: they would go round it.",
    });
  } else {
    for (const [at, [name, url]] of targets.entries()) {
      progress.update(at, targets.length + 2, `legs to ${name}`);
      const connections = Math.min(samples, MOST_CONNECTIONS);
      const legs = await measureLegs({ ...shared, url, connections, roundTrips: samples });
      for (const leg of LEGS) list.add(`${name}.${leg}`, legs.times[leg]);
      hosts.push(hostRow(name, url, legs));
      if (legs.failure === null) continue;
      const { error, leg } = legs.failure;
      if (at === 0) failure = error;
      ctx.warn({
        code: "PROBE_HOST_SILENT",
        message: `${name} failed at ${LEG_WORDS[leg]}: ${error.message}`,
      });
    }
  }
  progress.update(targets.length, targets.length + 2, "HTTP/1.1 and HTTP/2, cold and warm");
  const coldSamples = Math.min(samples, MOST_CONNECTIONS);
  const rows = await measureClients({
    ...shared,
    ...{ url: targets[0]![1], warmSamples: samples, coldSamples, proxies },
  });
  for (const row of rows) {
    if (row.failure === null) continue;
    const { code } = row.failure;
    // What is wrong with a proxy names it itself.
    const way = code === "PROXY_FAILED" ? "" : `${row.version} ${row.state}${wayText(row)} failed: `;
    const message = `${way}${row.failure.message}`;
    ctx.warn({ code: "PROBE_WAY_FAILED", message });
  }
  const configured = rows.filter(({ proxy }) => proxy === proxies[0]);
  const warm = configured.find(({ state, version }) => state === "warm" && version === "HTTP/1.1");
  list.add("clob.warm", warm?.ms ?? []);
  return {
    hosts,
    clients: rows.map(({ failure, ms, proxy, state, version }) => ({
      ...{ version, state, proxy: proxy === null ? null : proxyAddress(proxy) },
      ...{ numbers: numbersOfMs(ms), failure: reasonOf(failure) },
    })),
    orderHostFailure: list.has("clob.keepAlive") || list.has("clob.warm")
      ? null
      : failure ?? configured.find((row) => row.failure !== null)?.failure ?? null,
  };
}

/** Without the order host there is nothing to judge: its failure, with everything that was measured as details. */
export function nothingToJudge(
  failure: HttpError,
  profile: VenueProfile,
  details: Readonly<Record<string, unknown>>,
): OperationError {
  const said = asVenueError(failure, profile) as OperationError;
  return new OperationError({
    code: said.code,
    message: `Cannot judge the latency without the order host: ${failure.message}`,
    ...(said.hint === undefined ? {} : { hint: said.hint }),
    exit: said.exit,
    details: { ...said.details, ...details },
    cause: failure,
  });
}
