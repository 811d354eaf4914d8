/**
 * The command line in a process of its own that ends by SIGKILL exactly where its first argument says: at the n-th record of
 * the journal of payments (before it is written, half written, written), or at the n-th request to the venue, the relayer or
 * the chain (before it leaves, or when it was answered and nobody has heard the answer yet).
 */
import { main } from "../../../commands/cli.ts";
import { MoneyJournal } from "../../../feeds/chain/money_journal.ts";
import { die } from "../crash_point.ts";
import type { KillPoint } from "./kill_plan.ts";

const [text = "null", ...argv] = Deno.args;
const point = JSON.parse(text) as KillPoint | null;
let records = 0;
let requests = 0;

const append = MoneyJournal.prototype.append;
const write = Deno.FsFile.prototype.writeSync;
MoneyJournal.prototype.append = function (record) {
  records++;
  const isHere = point?.at === "record" && records === point.count;
  if (isHere && point.when === "before") die();
  if (isHere && point.when === "torn") {
    Deno.FsFile.prototype.writeSync = function (bytes) {
      write.call(this, bytes.subarray(0, Math.ceil(bytes.byteLength / 2)));
      die();
    };
  }
  append.call(this, record);
  if (isHere) die();
};

const ask = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  requests++;
  const isHere = point?.at === "request" && requests === point.count;
  if (isHere && point.when === "before") die();
  const response = await ask(input, init);
  if (isHere) die();
  return response;
};

const code = await main(argv);
// For the run that measures how many places there are.
Deno.stderr.writeSync(new TextEncoder().encode(`\n${JSON.stringify({ records, requests })}\n`));
Deno.exit(code);
