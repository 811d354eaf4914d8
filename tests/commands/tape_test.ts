import assert from "node:assert/strict";
import { join } from "node:path";
import { poly } from "../cli/harness.ts";
import {
  BORISZ,
  minuteBars,
  START,
  START_S,
  VALERKA,
  withFolder,
  writeFolder,
} from "../feeds/tape/recordings.ts";

interface TapeData {
  path: string;
  layout: string;
  windows: number;
  events: number;
  from: string;
  to: string;
  absent: string[];
  unrecognised: number;
}

const tapesOf = (data: Record<string, unknown> | undefined) => (data?.["tapes"] ?? []) as TapeData[];

async function makeData(root: string): Promise<string> {
  const data = join(root, "data");
  await writeFolder(join(data, "valerka"), VALERKA);
  await writeFolder(join(data, "borisz"), BORISZ);
  await writeFolder(join(data, "prices"), minuteBars(START_S - 7200, 300));
  await writeFolder(data, { "README.md": "# about\n" });
  return data;
}

Deno.test("tape import of a folder of recordings makes a tape of each and lists the reference data", async () => {
  await withFolder(async (root) => {
    const ran = await poly(["tape", "import", await makeData(root), "--out", join(root, "out"), "--json"]);
    assert.equal(ran.code, 0, ran.err);
    const tapes = tapesOf(ran.envelope?.data);
    assert.deepEqual(tapes.map((t) => [t.layout, t.windows, t.path]), [
      ["borisz42", 1, join(root, "out", "borisz")],
      ["thevalerka", 1, join(root, "out", "valerka")],
    ]);
    assert.match(tapes[0]!.from, /^\d{4}-\d\d-\d\dT.*Z$/);
    assert.ok(tapes[1]!.absent.includes("book.size"));
    const references = ran.envelope?.data?.["references"] as { path: string; files: { name: string }[] }[];
    assert.deepEqual(references.map((r) => r.files.map((f) => f.name)), [["binance_spot_btcusdt_1m.csv.gz"]]);
  });
});

Deno.test("tape import refuses to overwrite, unless --force", async () => {
  await withFolder(async (root) => {
    const path = join(await makeData(root), "valerka");
    const argv = ["tape", "import", path, "--out", join(root, "out"), "--json"];
    assert.equal((await poly(argv)).code, 0);
    const again = await poly(argv);
    assert.deepEqual([again.code, again.envelope?.error?.code], [1, "TAPE_EXISTS"]);
    assert.equal((await poly([...argv, "--force", "--assume-size", "7"])).code, 0);
    const info = await poly(["tape", "info", join(root, "out", "valerka")]);
    assert.match(info.out, /7\.000000 shares/);
  });
});

Deno.test("tape import says what is wrong: no such path, reference data only, nothing known, bad size", async () => {
  await withFolder(async (root) => {
    const data = await makeData(root);
    const run = (...argv: string[]) =>
      poly(["tape", "import", ...argv, "--out", join(root, "out"), "--json"]);
    const missing = await run(join(root, "nowhere"));
    assert.deepEqual([missing.code, missing.envelope?.error?.code], [1, "FILE_NOT_FOUND"]);
    const prices = await run(join(data, "prices"));
    assert.equal(prices.code, 0);
    assert.deepEqual(prices.envelope?.warnings?.map((w) => w.code), ["REFERENCE_ONLY"]);
    await writeFolder(join(root, "odd"), { "odd.csv": "a,b\n1,2\n" });
    assert.equal((await run(join(root, "odd"))).envelope?.error?.code, "NOT_A_RECORDING");
    const size = await run(join(data, "valerka"), "--assume-size", "0");
    assert.deepEqual([size.code, size.envelope?.error?.code], [2, "USAGE"]);
    const layout = await run(join(data, "valerka"), "--layout", "x");
    assert.deepEqual([layout.code, layout.envelope?.error?.code], [2, "LAYOUT_UNKNOWN"]);
  });
});

Deno.test("one bad recording among good ones: the rest is imported and the exit is 5", async () => {
  await withFolder(async (root) => {
    const data = await makeData(root);
    await writeFolder(join(data, "broken"), {
      "q.csv": "ts_ms,window_start_s,up_bid,up_ask,down_bid,down_ask,stale\nno,number,at,all,in,this,row\n",
    });
    const ran = await poly(["tape", "import", data, "--out", join(root, "out"), "--json"]);
    assert.equal(ran.code, 5, ran.err);
    assert.equal(tapesOf(ran.envelope?.data).length, 2);
    const failed = ran.envelope?.data?.["failed"] as { path: string; code: string }[];
    assert.deepEqual(failed.map((f) => [f.path, f.code]), [[join(data, "broken"), "TAPE_EMPTY"]]);
    assert.deepEqual([...Deno.readDirSync(join(root, "out"))].map((e) => e.name).sort(), [
      "borisz",
      "valerka",
    ]);
  });
});

Deno.test("tape verify passes a whole tape and names the damaged file of another", async () => {
  await withFolder(async (root) => {
    const out = join(root, "out");
    await poly(["tape", "import", join(await makeData(root), "valerka"), "--out", out]);
    const tape = join(out, "valerka");
    const whole = await poly(["tape", "verify", tape, "--json"]);
    assert.equal(whole.code, 0);
    const file = join(tape, "events-00001.jsonl.gz");
    const bytes = await Deno.readFile(file);
    bytes[bytes.length >> 1]! ^= 4;
    await Deno.writeFile(file, bytes);
    const damaged = await poly(["tape", "verify", tape, "--json"]);
    assert.deepEqual([damaged.code, damaged.envelope?.error?.code], [1, "TAPE_DAMAGED"]);
    assert.match(damaged.envelope?.error?.message ?? "", /events-00001\.jsonl\.gz/);
  });
});

Deno.test("tape export writes one row per event as CSV, and the lines as JSONL", async () => {
  await withFolder(async (root) => {
    const out = join(root, "out");
    await poly(["tape", "import", join(await makeData(root), "borisz"), "--out", out]);
    const tape = join(out, "borisz");
    const csv = join(root, "events.csv");
    const ran = await poly(["tape", "export", tape, "--out", csv, "--json"]);
    assert.equal(ran.code, 0, ran.err);
    const lines = (await Deno.readTextFile(csv)).trimEnd().split("\n");
    assert.equal(lines.length, Number(ran.envelope?.data?.["lines"]) + 1);
    assert.equal(lines[0]?.split(",").length, 14);
    const book = lines.find((l) => l.includes(",book,") && l.includes(",up,"));
    assert.equal(
      book,
      [
        START + 2000,
        START + 2000,
        `book,btc-updown-15m-${START_S},btc,up,0.4900,6151.040000,0.5000,4386.310000,,,,`,
      ].join(),
    );
    assert.equal(
      (await poly(["tape", "export", tape, "--out", csv, "--json"])).envelope?.error?.code,
      "OUTPUT_EXISTS",
    );
    const jsonl = join(root, "events.jsonl");
    assert.equal((await poly(["tape", "export", tape, "--format", "jsonl", "--out", jsonl])).code, 0);
    const first = JSON.parse((await Deno.readTextFile(jsonl)).split("\n")[0]!);
    assert.equal(typeof first.tReceive, "number");
    assert.equal((await poly(["tape", "export", tape, "--format", "xml", "--out", jsonl])).code, 2);
  });
});

Deno.test("tape info tells windows, absent inputs and notes", async () => {
  await withFolder(async (root) => {
    const out = join(root, "out");
    await poly(["tape", "import", join(await makeData(root), "borisz"), "--out", out]);
    const ran = await poly(["tape", "info", join(out, "borisz"), "--json"]);
    const [tape] = tapesOf(ran.envelope?.data);
    assert.deepEqual([tape?.layout, tape?.windows, tape?.unrecognised], ["borisz42", 1, 1]);
    const people = await poly(["tape", "info", join(out, "borisz")]);
    assert.match(people.out, /absent .*futures\.trades/);
    assert.equal((await poly(["tape", "info", root, "--json"])).envelope?.error?.code, "NOT_A_TAPE");
  });
});
