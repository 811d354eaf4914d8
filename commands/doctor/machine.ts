/** Questions about this machine: configuration, disk, latch, journal. Nothing leaves it. */
import { join } from "node:path";
import { journalPath } from "../../feeds/journal/journal.ts";
import { verifyJournal } from "../../feeds/journal/verify.ts";
import type { CommandContext } from "../command.ts";
import { countText } from "../output.ts";
import { configOf } from "../run.ts";
import { chosenLimits } from "../trading/arming.ts";
import { latchOf, latchText } from "../trading/latches.ts";
import { fail, type Finding, ok, warn } from "./check.ts";

/** Is it known what may be risked? `live` and the limits are asked for again when trading is armed. */
export function checkConfig(ctx: CommandContext): Finding {
  const { file, origins } = configOf(ctx);
  const open = chosenLimits(ctx.config).filter((key) => origins.get(key)?.source === "default");
  if (!ctx.config.live) open.unshift("live");
  const from = file === null ? "no configuration file" : file;
  return open.length === 0 ? ok(`${from}; live = true, limits chosen`) : warn(
    `${from}; not set yet: ${open.join(", ")}`,
    "`trade --live` wants them set. See docs/live.md.",
  );
}

const SYNCS = 5;
/** An order waits for one sync; beyond this it is slower than the way to the venue. */
const SLOW_SYNC_MS = 50;

/** Can an order be written down before it leaves, and how long does that take? */
export function checkDisk(ctx: CommandContext): Finding {
  const path = join(ctx.dataDir, "doctor", ".disk");
  const times: number[] = [];
  try {
    Deno.mkdirSync(join(ctx.dataDir, "doctor"), { recursive: true, mode: 0o700 });
    {
      using file = Deno.openSync(path, { write: true, create: true, truncate: true, mode: 0o600 });
      const block = new Uint8Array(4096).fill(1);
      for (let i = 0; i < SYNCS; i++) {
        const start = performance.now();
        file.writeSync(block);
        file.syncSync();
        times.push(performance.now() - start);
      }
    }
    Deno.removeSync(path);
  } catch (error) {
    return fail(
      `${ctx.dataDir} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      "Choose a folder that can be written with --data, or free space on that disk.",
      { code: "DATA_UNWRITABLE" },
    );
  }
  const median = times.sort((a, b) => a - b)[SYNCS >> 1] as number;
  const detail = `${ctx.dataDir}; a synced write takes ${median.toFixed(1)} ms`;
  return median <= SLOW_SYNC_MS
    ? ok(detail)
    : warn(detail, "Every order waits for one: put the data folder on a faster disk.");
}

export function checkLatch(ctx: CommandContext): Finding {
  const { state } = latchOf(ctx.dataDir);
  if (!state.set) return ok(latchText(state));
  return fail(latchText(state), "Read why; then `poly-edge resume`.", { code: "LATCH_SET" });
}

/** Is the wallet's journal whole? */
export function checkJournal(ctx: CommandContext, wallet: string): Finding {
  const path = journalPath(join(ctx.dataDir, "journal"), wallet);
  try {
    Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return ok("none yet; the first live session makes it");
    throw error;
  }
  const { firstDamage, ok: whole, rows } = verifyJournal(path);
  if (whole) return ok(`${countText(rows)} rows, the hash chain is whole`);
  return fail(
    `row ${firstDamage?.seq ?? "?"} is damaged: ${firstDamage?.detail ?? ""}`,
    "Do not trade on it. Keep the file, cancel all orders, start with another --data.",
    { code: "JOURNAL_DAMAGED" },
  );
}
