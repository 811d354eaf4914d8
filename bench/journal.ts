/**
 * What one journal row costs on this disk: an intent (flushed to disk before it returns) and a row that is not. Beside them,
 * in the same run, what the disk itself asks: writing as many bytes to a plain file and flushing it.
 *
 * Run: deno task bench:journal [--json] [--dir FOLDER]
 */
import { join } from "node:path";
import { openJournal } from "../feeds/journal/journal.ts";

const ROWS = 3_000;
const WARM = 200;

const at = Deno.args.indexOf("--dir");
const parent = at < 0 ? undefined : Deno.args[at + 1];
const folder = await Deno.makeTempDir(parent === undefined ? {} : { dir: parent });

/** A typical order of the engine. */
const intent = (i: number) => ({
  type: "created",
  at: 1_795_253_700_000 + i,
  terms: {
    hash: `0x${i.toString(16).padStart(64, "0")}`,
    orderId: `o${i}`,
    conditionId: `0x${"c".repeat(64)}`,
    token: "104239898038807136052399800151408521467737075933964991162589336683346093173875",
    outcome: "up",
    side: "buy",
    orderType: "FAK",
    postOnly: false,
    limit: 5_200,
    size: 0,
    spend: 25_000_000,
    expiresAtMs: null,
    fee: { ratePpm: 70_000, exponent: 1, takerOnly: true, rebatePpm: 200_000 },
    costBound: 26_750_000,
  },
});

interface Figures {
  readonly name: string;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  readonly n: number;
}

/** Runs and times; `counts` picks those that are reported. */
function measure(
  name: string,
  run: (i: number) => void,
  counts: (i: number) => boolean = () => true,
): Figures {
  for (let i = 0; i < WARM; i++) run(i);
  const times = Array.from({ length: ROWS }, (_, i) => {
    const from = performance.now();
    run(WARM + i);
    return (performance.now() - from) * 1_000;
  }).filter((_, i) => counts(WARM + i)).sort((a, b) => a - b);
  const n = times.length;
  const pick = (q: number) => Math.round(times[Math.min(n - 1, Math.floor(n * q))]! * 10) / 10;
  return { name, p50Us: pick(0.5), p99Us: pick(0.99), maxUs: pick(1), n };
}

try {
  const wallet = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
  const journal = openJournal({ folder, wallet, owner: { pid: Deno.pid, startedAtMs: 1_795_253_700_000 } });
  const file = Deno.openSync(join(folder, "plain"), { write: true, create: true });
  const bytes = new TextEncoder().encode(JSON.stringify(intent(1)));
  const results = [
    measure("intent (on disk)", (i) => void journal.appendIntent(intent(i), 1_795_253_700_000 + i)),
    measure("reply (not flushed)", (i) => void journal.append("reply", intent(i), 1_795_253_700_000 + i)),
    measure("intent after a reply", (i) => {
      if (i % 2 === 0) journal.append("reply", intent(i), 1_795_253_700_000 + i);
      else journal.appendIntent(intent(i), 1_795_253_700_000 + i);
    }, (i) => i % 2 === 1),
    measure("plain file, flushed", () => {
      file.writeSync(bytes);
      file.syncDataSync();
    }),
  ];
  file.close();
  journal.close();
  if (Deno.args.includes("--json")) console.log(JSON.stringify({ results }));
  else {
    for (const { name, p50Us, p99Us, maxUs, n } of results) {
      const [p50, p99, max] = [p50Us, p99Us, maxUs].map((us) => us.toFixed(1).padStart(8));
      console.log(`${name.padEnd(22)} p50 ${p50} us   p99 ${p99} us   max ${max} us   n ${n}`);
    }
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
