/** Appends intents until it is killed, and says each one after it was acknowledged. Run by the crash test. */
import { openJournal } from "../../../feeds/journal/journal.ts";

const [folder = "", wallet = ""] = Deno.args;
const journal = openJournal({ folder, wallet, owner: { pid: Deno.pid, startedAtMs: 1_795_253_700_000 } });
for (const row of journal.rows()) void row;
const encoder = new TextEncoder();
const say = (line: string) => void Deno.stdout.writeSync(encoder.encode(`${line}\n`));
say(`open ${journal.crashed?.pid ?? "-"}`);
for (let i = 0;; i++) {
  const t = 1_795_253_700_000 + i;
  const row = i % 3 === 2
    ? journal.append("note", { text: `note ${i}` }, t)
    : journal.appendIntent({ order: i, filling: "x".repeat(i % 700) }, t);
  say(`${row.seq} ${row.hash}`);
}
