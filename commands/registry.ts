/** The only list of subcommands. A command that is not here does not exist. */
import type { Command } from "commander";
import { register as approve } from "./approve.ts";
import { register as backtest } from "./backtest.ts";
import { register as balance } from "./balance.ts";
import { register as calibrate } from "./calibrate.ts";
import { register as cancelAll } from "./cancel_all.ts";
import { register as cashout } from "./cashout.ts";
import { register as config } from "./config_command.ts";
import { register as dashboard } from "./dashboard.ts";
import { register as discover } from "./discover.ts";
import { register as doctor } from "./doctor.ts";
import { register as evaluate } from "./evaluate.ts";
import { register as journal } from "./journal.ts";
import { register as keys } from "./keys.ts";
import { register as kill } from "./kill.ts";
import { register as merge } from "./merge.ts";
import { register as latencyProbe } from "./latency_probe.ts";
import { register as models } from "./models.ts";
import { register as positions } from "./positions.ts";
import { register as record } from "./record.ts";
import { register as redeem } from "./redeem.ts";
import { register as replay } from "./replay.ts";
import { register as resume } from "./resume.ts";
import { register as sim } from "./sim.ts";
import { register as stream } from "./stream.ts";
import { register as tape } from "./tape.ts";
import { register as trade } from "./trade.ts";
import { register as train } from "./train.ts";
import { register as unwrap } from "./unwrap.ts";
import { register as wrap } from "./wrap.ts";

/** Adds one subcommand, with its options and help, to the program. */
export type Register = (program: Command) => void;

/** In the order of `poly-edge --help`. */
export const COMMANDS: readonly Register[] = [
  discover,
  stream,
  record,
  trade,
  tape,
  replay,
  dashboard,
  backtest,
  calibrate,
  evaluate,
  train,
  models,
  doctor,
  latencyProbe,
  balance,
  positions,
  cancelAll,
  approve,
  merge,
  redeem,
  wrap,
  unwrap,
  cashout,
  kill,
  resume,
  journal,
  keys,
  sim,
  config,
];
