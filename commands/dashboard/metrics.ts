/** The metrics as Prometheus reads them (text format 0.0.4). */
import prometheus from "prom-client";
import {
  LATENCY_BUCKETS,
  LATENCY_HELP,
  LATENCY_NAME,
  METRICS,
  type MetricSource,
  type MetricSpec,
  NAMESPACE,
} from "./metric_list.ts";

export interface Metrics {
  readonly contentType: string;
  /** The page a scrape gets. */
  text(): Promise<string>;
  /** Adds one order's latency to the histogram. */
  observeLatency(strategy: string, seconds: number): void;
}

function register(spec: MetricSpec, source: MetricSource, registry: prometheus.Registry): void {
  const options = {
    name: NAMESPACE + spec.name,
    help: spec.help,
    labelNames: [...spec.labels],
    registers: [registry],
  };
  // The values live in the session; a scrape copies them.
  if (spec.type === "gauge") {
    new prometheus.Gauge({
      ...options,
      collect() {
        this.reset();
        // A gauge without labels starts at 0, which would be a statement where nothing is known.
        if (spec.labels.length === 0) this.remove({});
        for (const [labels, value] of spec.rows(source)) this.set({ ...labels }, value);
      },
    });
    return;
  }
  new prometheus.Counter({
    ...options,
    collect() {
      this.reset();
      for (const [labels, value] of spec.rows(source)) this.inc({ ...labels }, value);
    },
  });
}

/** Makes a registry of the metrics of `groups` over `source`. */
export function openMetrics(
  source: MetricSource,
  groups: readonly MetricSpec["group"][] = ["session", "feeds", "process"],
): Metrics {
  const registry = new prometheus.Registry();
  for (const spec of METRICS) if (groups.includes(spec.group)) register(spec, source, registry);
  const latency = groups.includes("session")
    ? new prometheus.Histogram({
      name: NAMESPACE + LATENCY_NAME,
      help: LATENCY_HELP,
      labelNames: ["strategy"],
      buckets: [...LATENCY_BUCKETS],
      registers: [registry],
    })
    : null;
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observeLatency: (strategy, seconds) => latency?.observe({ strategy }, seconds),
  };
}
