/** The flags of commands that can be watched. */
import { type Command, Option } from "commander";

const DASHBOARD_DEFAULT = ":5050";
const METRICS_DEFAULT = ":9090";

/** Configuration keys of the flags below, for `attach()`. */
export const MONITOR_FLAGS: Readonly<Record<string, string>> = {
  metrics: "monitor.metrics",
  dashboard: "monitor.dashboard",
  expose: "monitor.expose",
  allowHost: "monitor.hosts",
  training: "monitor.training",
};

export const metricsFlag = (): Option =>
  new Option("--metrics [address]", `serve Prometheus metrics (default ${METRICS_DEFAULT}, loopback)`)
    .preset(METRICS_DEFAULT);
export const dashboardFlag = (): Option =>
  new Option("--dashboard [address]", `serve the dashboard page (default ${DASHBOARD_DEFAULT}, loopback)`)
    .preset(DASHBOARD_DEFAULT);
export const exposeFlag = (): Option =>
  new Option("--expose", "allow addresses that other machines can reach; there is no password");
export const allowHostFlag = (): Option =>
  new Option("--allow-host <list>", "further host names that requests may carry");
export const trainingFlag = (): Option =>
  new Option("--training <file>", "log of a trainer (CSV or JSON lines) for the dashboard");

/** All of them. */
export const monitorFlags = (command: Command): Command =>
  command.addOption(dashboardFlag()).addOption(metricsFlag()).addOption(exposeFlag())
    .addOption(allowHostFlag()).addOption(trainingFlag());
