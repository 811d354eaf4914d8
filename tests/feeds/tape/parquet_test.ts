import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OperationError } from "../../../core/errors.ts";
import type { MarketEvent } from "../../../core/events.ts";
import { ms, type Price, type Shares } from "../../../core/units.ts";
import { openTape, type Tape } from "../../../feeds/tape/reader.ts";
import { exportParquet, PARQUET_COLUMNS, parquetAsCsv } from "../../../feeds/tape/parquet.ts";
import { createTapeWriter } from "../../../feeds/tape/writer.ts";
import { poly, ROOT } from "../../cli/harness.ts";
import { syntheticQuotes } from "../../commands/synthetic_recording.ts";
import { withFolder, writeFolder } from "./recordings.ts";

/** DuckDB itself judges what was written. null where its native code does not run. */
const duckdb = await import("@duckdb/node-api").catch(() => null);
if (duckdb === null) console.log("SKIPPED: DuckDB's native code does not load here, Parquet is not tested");

const available = { ignore: duckdb === null };

async function rowsOf(sql: string): Promise<unknown[][]> {
  const instance = await duckdb!.DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const T0 = 1_776_081_600_000;
const at = (n: number) => ({ tExchange: ms(T0 + n - 5), tReceive: ms(T0 + n) });

const EVENTS: MarketEvent[] = [
  {
    type: "window",
    ...at(0),
    instrument: {
      ...{
        slug: "btc-updown-5m-1776081600",
        asset: "btc",
        duration: "5m",
        conditionId: "0x01",
        version: "v1",
      },
      ...{ upToken: "11", downToken: "22", startMs: ms(T0), endMs: ms(T0 + 300_000), tick: 100 as Price },
      ...{ minSize: 5_000_000 as Shares, fee: null, rule: { kind: "unknown", text: "?" }, negRisk: false },
      ...{ takerHoldMs: ms(150), tradable: true, reason: null, mirrorOf: null },
    },
  },
  {
    ...{ type: "book", ...at(10), token: "11" },
    ...{ bids: [4900, 1_500_000, 4800, 2_000_000], asks: [5100, 250_000] },
  },
  {
    type: "bookDelta",
    ...at(20),
    token: "22",
    changes: [0, 4900, 7_000_000, 1, 5200, 0],
    bestBid: 4900,
    bestAsk: -1,
  },
  { type: "fastPrice", ...at(30), venue: "binance-spot", asset: "btc", price: 84_561.25 },
  {
    ...{ type: "oraclePrice", ...at(40), asset: "btc", kind: "spot", provider: "chainlink" },
    ...{ value: 84_500.5, exact: "84500.500000000000000000" },
  },
];

async function smallTape(path: string): Promise<Tape> {
  const writer = await createTapeWriter({
    out: path,
    header: { source: "test", layout: "test", licence: "none" },
  });
  await writer.write(EVENTS);
  await writer.finish({
    ...{
      assets: ["btc"],
      durations: ["5m"],
      windows: [],
      absent: [],
      skipped: {},
      unrecognised: 0,
      notes: [],
    },
  });
  return await openTape(path);
}

Deno.test({
  name: "a tape becomes a Parquet file with typed columns and the whole depth",
  ...available,
  fn: () =>
    withFolder(async (root) => {
      const out = join(root, "it's.parquet");
      assert.deepEqual(await exportParquet(await smallTape(join(root, "tape")), { out }), { lines: 5 });
      const file = `'${out.replaceAll("'", "''")}'`;
      const columns = await rowsOf(`DESCRIBE SELECT * FROM ${file}`);
      assert.deepEqual(columns.map((row) => row[0]), PARQUET_COLUMNS);
      const types = Object.fromEntries(columns.map((row) => [row[0], row[1]]));
      assert.deepEqual([types["t_receive_ms"], types["slug"], types["price"]], [
        "BIGINT",
        "VARCHAR",
        "DOUBLE",
      ]);
      const rows = await rowsOf(
        `SELECT t_receive_ms - ${T0}, type, outcome, bid, ask, ask_size, price, bids, changes FROM ${file}`,
      );
      const depth = [{ price: 0.49, size: 1.5 }, { price: 0.48, size: 2 }];
      const changes = [{ side: "bid", price: 0.49, size: 7 }, { side: "ask", price: 0.52, size: 0 }];
      assert.deepEqual(rows, [
        ["0", "window", null, null, null, null, null, null, null],
        ["10", "book", "up", 0.49, 0.51, 0.25, null, depth, null],
        ["20", "bookDelta", "down", 0.49, null, null, null, null, changes],
        ["30", "fastPrice", null, null, null, null, 84561.25, null, null],
        ["40", "oraclePrice", null, null, null, null, 84500.5, null, null],
      ]);
      assert.deepEqual((await readdir(root)).sort(), ["it's.parquet", "tape"]);
      await assert.rejects(
        async () => await exportParquet(await openTape(join(root, "tape")), { out }),
        (error) => error instanceof OperationError && error.code === "OUTPUT_EXISTS",
      );
    }),
});

Deno.test({
  name: "a recording in Parquet becomes the tape that it becomes in CSV",
  ...available,
  fn: () =>
    withFolder(async (root) => {
      await writeFolder(join(root, "csv", "quotes"), syntheticQuotes(2));
      const folder = join(root, "parquet", "quotes");
      await writeFolder(folder, {});
      await Deno.mkdir(folder, { recursive: true });
      for (const name of await readdir(join(root, "csv", "quotes"))) {
        const from = join(root, "csv", "quotes", name);
        const to = join(folder, name.replace(/\.csv(\.gz)?$/, ".parquet"));
        await rowsOf(`COPY (SELECT * FROM read_csv('${from}')) TO '${to}' (FORMAT parquet)`);
      }
      const chains: string[] = [];
      for (const kind of ["csv", "parquet"]) {
        const argv = [
          "tape",
          "import",
          join(root, kind, "quotes"),
          "--out",
          join(root, `${kind}-tapes`),
          "--json",
        ];
        const made = await poly([...argv, "--data", join(root, "data")]);
        assert.equal(made.code, 0, made.err + made.out);
        const { manifest } = await openTape(join(root, `${kind}-tapes`, "quotes"));
        assert.ok(manifest.events > 3000);
        chains.push(manifest.files.at(-1)!.chain);
      }
      assert.equal(chains[1], chains[0]);
      assert.deepEqual(await readdir(join(root, "data", "cache")), [], "the copy in CSV is gone");
      const ran = await poly([
        "backtest",
        folder,
        "--strategy",
        "hold",
        "--json",
        "--data",
        join(root, "data"),
      ]);
      assert.equal(ran.code, 0, ran.err);
    }),
});

Deno.test({
  name: "a file that only says it is Parquet is refused, and nothing stays behind",
  ...available,
  fn: () =>
    withFolder(async (root) => {
      await writeFile(join(root, "x.parquet"), "not parquet at all");
      await assert.rejects(
        parquetAsCsv(join(root, "x.parquet"), join(root, "tmp")),
        (error) => error instanceof OperationError && error.code === "FILE_DAMAGED",
      );
      assert.deepEqual(await readdir(join(root, "tmp")), []);
      assert.equal(await parquetAsCsv(root + "/nowhere", root), null);
    }),
});

Deno.test("under the usual permissions native code is refused with the way round it", async () => {
  await withFolder(async (root) => {
    await smallTape(join(root, "tape"));
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-q", "--no-prompt", "-P=cli", "main.ts", "tape", "export", join(root, "tape")],
        ...["--format", "parquet", "--out", join(root, "out.parquet"), "--json"],
      ],
      cwd: ROOT,
      env: { POLY_EDGE_CONFIG: `${ROOT}tests/cli/empty.toml` },
      stdin: "null",
      signal: AbortSignal.timeout(20_000),
    }).output();
    const envelope = JSON.parse(new TextDecoder().decode(stdout)) as {
      error: { code: string; hint: string };
    };
    assert.deepEqual([code, envelope.error.code], [1, "NATIVE_FORBIDDEN"]);
    assert.match(envelope.error.hint, /deno task parquet/);
    assert.deepEqual(await readdir(root), ["tape"]);
  });
});
