/** Venue, wallets and plans of a crash drill, put together. */
import { startVenue } from "../../fixtures/venue/venue.ts";
import { Lane, type RunOutcome } from "./crash_lane.ts";
import type { CrashPlan } from "./crash_plan.ts";
import { JournalReader } from "./journal_reader.ts";

const START_MS = Date.UTC(2026, 10, 21, 9, 30);

export interface CrashDrill {
  readonly plans: readonly CrashPlan[];
  readonly seed: number;
  /** Wallets that are traded side by side. */
  readonly lanes: number;
  readonly speed: number;
}

export interface CrashResults {
  readonly outcomes: readonly RunOutcome[];
  /** Why a wallet's runs came to an early end. */
  readonly broken: readonly string[];
  /** Journals, one folder a wallet; the caller's to remove. */
  readonly folder: string;
}

/** Runs the plans, dealt to the wallets in turn. `onDone` hears each as it is proved. */
export async function runCrashDrill(
  { plans, seed, lanes, speed }: CrashDrill,
  onDone: (outcome: RunOutcome, count: number) => void = () => {},
): Promise<CrashResults> {
  const venue = await startVenue({ seed, speed, startMs: START_MS, assets: ["btc"], historyHours: 1 });
  const folder = await Deno.makeTempDir({ prefix: "poly-edge-drill-" });
  const journals = new JournalReader();
  const outcomes: RunOutcome[] = [];
  const broken: string[] = [];
  const run = async (lane: number): Promise<void> => {
    const at = `${folder}/${lane}`;
    await Deno.mkdir(at);
    try {
      const own = plans.filter((_, i) => i % lanes === lane);
      await new Lane({ venue, seed, speed, lane, folder: at, journals }).run(own, (outcome) => {
        outcomes.push(outcome);
        onDone(outcome, outcomes.length);
      });
    } catch (error) {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      broken.push(`lane ${lane}: ${text}`);
      console.error(`lane ${lane} ends: ${text}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(lanes, plans.length) }, (_, lane) => run(lane)));
  } finally {
    journals.close();
    await venue.close();
  }
  return { outcomes, broken, folder };
}
