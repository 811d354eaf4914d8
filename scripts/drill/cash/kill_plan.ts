/** Where processes are killed: every record of the journal, and requests spread over the whole run. */

export interface KillPoint {
  readonly at: "record" | "request";
  /** The first is 1. */
  readonly count: number;
  readonly when: "before" | "torn" | "after";
}

export interface KillPlan {
  readonly run: number;
  /** Account, and its signature type. */
  readonly key: 0 | 1 | 2 | 3;
  readonly asset: "usdc.e" | "pusd";
  readonly point: KillPoint;
  /** The command that goes on is killed too, here. */
  readonly again: KillPoint | null;
}

/** How many places a run that nobody kills has. */
export interface Places {
  readonly records: number;
  readonly requests: number;
}

const WHEN = ["before", "torn", "after"] as const;

/** `parts` of `whole`, spread evenly: the n-th. */
const spread = (n: number, parts: number, whole: number): number =>
  Math.min(whole, Math.max(1, 1 + Math.floor(n * whole / Math.max(1, parts))));

/**
 * The runs of one account: three of five at a record, in turn before, in the middle of and after writing it, so that every
 * record has its turn; two of five at requests. Every fourth is killed once more while it goes on.
 */
export function plansOf(
  key: 0 | 1 | 2 | 3,
  runs: number,
  placesOf: Readonly<Record<KillPlan["asset"], Places>>,
  first: number,
): KillPlan[] {
  const recordRuns = Math.ceil(runs * 3 / 5);
  let records = 0;
  let requests = 0;
  return Array.from({ length: runs }, (_, i): KillPlan => {
    const asset = i % 3 === 2 ? "pusd" : "usdc.e";
    const places = placesOf[asset];
    const atRecord = i % 5 < 3 ? records < recordRuns : requests >= runs - recordRuns;
    const n = atRecord ? records++ : requests++;
    const point: KillPoint = atRecord
      // The next lap, and the next wallet, has another moment at each.
      ? {
        at: "record",
        count: 1 + n % places.records,
        when: WHEN[(n + Math.floor(n / places.records) + key) % 3] ?? "after",
      }
      : {
        at: "request",
        // How often it looks depends on when blocks come: the very last requests are not always there.
        count: spread(4 * n + key, 4 * (runs - recordRuns), places.requests - 6),
        when: (n + key) % 2 === 0 ? "after" : "before",
      };
    const again: KillPoint | null = i % 4 === 3 ? { at: "record", count: 1 + i % 3, when: "after" } : null;
    return { run: first + i, key, asset, point, again };
  });
}
