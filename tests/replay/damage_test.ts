/** What is wrong with a session's folder is found and named: edited bytes, cuts, swaps, other settings, other code. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { OperationError } from "../../core/errors.ts";
import { decisionFileLine, decisionHash } from "../../feeds/session/decisions_reader.ts";
import { parseManifest, sealManifest } from "../../feeds/session/format.ts";
import { encodeMember, walkMembers } from "../../feeds/tape/members.ts";
import { poly } from "../cli/harness.ts";
import { withFolder } from "../feeds/tape/recordings.ts";
import { syntheticMarket } from "./market.ts";
import { replayed, type StageOptions, stageSession } from "./stage.ts";

const FILES = ["session.json", "events.jsonl.gz", "decisions.jsonl"] as const;
const groups = [...syntheticMarket({ seed: 5, minutes: 6, assets: ["btc"] })];

const staged = async (root: string, id: string, more: Partial<StageOptions> = {}): Promise<string> =>
  (await stageSession({ root, id, strategy: "random", groups, ...more })).folder;

/** The SessionDamaged of a replay; fails when there is none. */
async function damageOf(folder: string): Promise<OperationError> {
  try {
    await replayed(folder);
  } catch (error) {
    assert.ok(error instanceof OperationError, String(error));
    assert.equal(error.code, "SESSION_DAMAGED", error.message);
    return error;
  }
  return assert.fail("no damage was found");
}

async function withFile(path: string, change: (bytes: Uint8Array) => Uint8Array, use: () => Promise<void>) {
  const before = await Deno.readFile(path);
  await Deno.writeFile(path, change(before.slice()));
  try {
    await use();
  } finally {
    await Deno.writeFile(path, before);
  }
}

Deno.test("one edited byte is found wherever it is, and its file is named", async () => {
  await withFolder(async (root) => {
    const folder = await staged(root, "bytes");
    assert.equal((await replayed(folder)).outcome.firstDifference, null);
    for (const name of FILES) {
      const path = join(folder, name);
      const { size } = await Deno.stat(path);
      const ends = [0, 1, 9, 12, 16, size - 1, size - 2, size - 9].map((at) => ({ at: at / size, flip: 1 }));
      const edit = fc.record({
        at: fc.double({ min: 0, max: 0.999999, noNaN: true }),
        flip: fc.integer({ min: 1, max: 255 }),
      });
      await fc.assert(
        fc.asyncProperty(edit, async ({ at, flip }) => {
          const index = Math.floor(at * size);
          const change = (bytes: Uint8Array) => {
            bytes[index]! ^= flip;
            return bytes;
          };
          await withFile(path, change, async () => {
            const error = await damageOf(folder);
            assert.ok(
              error.message.includes(name) || name === "session.json",
              `${name}@${index}: ${error.message}`,
            );
          });
        }),
        // The last of a file, and what a text decoder would drop there.
        {
          numRuns: 40,
          examples: [...ends.map((end): [typeof end] => [end]), [{ at: (size - 0.5) / size, flip: 192 }]],
        },
      );
    }
    assert.equal((await replayed(folder)).outcome.firstDifference, null, "and nothing else was wrong");
  });
});

Deno.test("a file that was cut anywhere is found after an orderly end, and after a kill said", async () => {
  await withFolder(async (root) => {
    const folder = await staged(root, "closed");
    for (const name of FILES) {
      const path = join(folder, name);
      for (const share of [0, 0.01, 0.3, 0.77, 0.999]) {
        await withFile(path, (bytes) => bytes.subarray(0, Math.floor(bytes.length * share)), async () => {
          await damageOf(folder);
        });
      }
      const away = `${path}.away`;
      await Deno.rename(path, away);
      await damageOf(folder);
      await Deno.rename(away, path);
    }
    const open = await staged(root, "open", { end: "kill", writer: { flushMs: 0 } });
    const events = join(open, "events.jsonl.gz");
    const { outcome: whole, warnings } = await replayed(open);
    assert.equal(whole.firstDifference, null);
    assert.ok(warnings.length > 0 && warnings.every((code) => code === "SESSION_UNFINISHED"), `${warnings}`);
    await withFile(events, (bytes) => bytes.subarray(0, bytes.length - 100), async () => {
      const torn = await replayed(open);
      assert.equal(torn.outcome.firstDifference, null);
      assert.ok(torn.outcome.events < whole.events && torn.outcome.events > whole.events * 0.5);
      assert.ok(torn.warnings.includes("FILE_TORN") && torn.warnings.includes("SESSION_UNFINISHED"));
    });
    const zeros = (bytes: Uint8Array) => (bytes.fill(0, bytes.length - 5_000), bytes);
    await withFile(events, zeros, async () => void await damageOf(open));
    const padded = (bytes: Uint8Array) => new Uint8Array([...bytes, ...new Uint8Array(4_096)]);
    await withFile(events, padded, async () => {
      const { outcome, warnings: said } = await replayed(open);
      assert.deepEqual([outcome.firstDifference, outcome.events], [null, whole.events]);
      assert.ok(said.includes("FILE_TORN"));
    });
    // A length that reaches over the end looks like a cut; the blocks behind it say that it is none.
    await withFile(events, (bytes) => (bytes[18] = 0xff, bytes), async () => void await damageOf(open));
    await withFile(events, (bytes) => bytes.subarray(0, 40), async () => void await damageOf(open));
  });
});

/** Rewrites the members of a record; the gzip checksums are right afterwards. */
async function rewritten(path: string, change: (text: string, block: number) => string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const member of walkMembers(path)) {
    assert.equal(member.kind, "member");
    if (member.kind === "member") parts.push(encodeMember(change(member.text, parts.length), 4));
  }
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

const lineOf = (error: OperationError): number => Number(error.details["line"]);

Deno.test("swapped lines, swapped blocks and repacked edits are found although every checksum is right", async () => {
  await withFolder(async (root) => {
    const folder = await staged(root, "swaps");
    const path = join(folder, "events.jsonl.gz");
    const swapLines = await rewritten(path, (text, block) => {
      if (block !== 2) return text;
      const lines = text.split("\n");
      [lines[10], lines[11]] = [lines[11]!, lines[10]!];
      return lines.join("\n");
    });
    await withFile(path, () => swapLines, async () => {
      assert.match((await damageOf(folder)).message, /block 4 does not follow from the blocks before it/);
    });
    const members: Uint8Array[] = [];
    for await (const member of walkMembers(path)) if (member.kind === "member") members.push(member.bytes);
    assert.ok(members.length > 5);
    const second = [members[0], members[2], members[1], ...members.slice(3)] as BlobPart[];
    const swapBlocks = new Uint8Array(await new Blob(second).arrayBuffer());
    await withFile(path, () => swapBlocks, async () => {
      assert.match((await damageOf(folder)).message, /block 2 does not follow/);
    });
    const without = new Uint8Array(await new Blob([...members.slice(0, -1)] as BlobPart[]).arrayBuffer());
    await withFile(path, () => without, async () => {
      assert.match((await damageOf(folder)).message, /session\.json states blocks/);
    });
    const nonsense = await rewritten(
      path,
      (text, block) => block === 1 ? text.replace("[0,{", "[7,{") : text,
    );
    await withFile(path, () => nonsense, async () => {
      const error = await damageOf(folder);
      const text = new TextDecoder().decode(gunzipSync(nonsense));
      assert.equal(lineOf(error), text.split("\n").findIndex((line) => line.startsWith("[7,")) + 1);
    });
  });
});

Deno.test("decisions.jsonl is held against the record, line by line", async () => {
  await withFolder(async (root) => {
    const folder = await staged(root, "decisions");
    const path = join(folder, "decisions.jsonl");
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
    assert.ok(lines.length > 20);
    // Chained anew from the edited line on: its own hashes are right, and still it is not what was decided.
    const forged: string[] = [];
    let hash = "0".repeat(64);
    lines.forEach((line, i) => {
      const text = /^\{"decision":(\[.*\]),"hash"/.exec(line)![1]!;
      const edited = i === 7 ? text.replace(/^\[7,/, "[8,") : text;
      hash = decisionHash(hash, edited);
      forged.push(decisionFileLine(edited, hash));
    });
    const put = (text: string) => () => new TextEncoder().encode(text);
    const cases: [string, number][] = [
      [`${forged.join("\n")}\n`, 8],
      [`${[...lines.slice(0, 3), lines[4], lines[3], ...lines.slice(5)].join("\n")}\n`, 4],
      [`${lines.slice(0, -1).join("\n")}\n`, lines.length],
      [`${lines.join("\n")}\n${lines.at(-1)}\n`, lines.length + 1],
      [lines.join("\n"), lines.length],
    ];
    for (const [text, line] of cases) {
      await withFile(path, put(text), async () => assert.equal(lineOf(await damageOf(folder)), line));
    }
  });
});

Deno.test("settings that were changed and sealed again contradict the record", async () => {
  await withFolder(async (root) => {
    const folder = await staged(root, "settings");
    const path = join(folder, "session.json");
    const manifest = parseManifest(await Deno.readTextFile(path), path);
    const start = { ...manifest.start, bankroll: manifest.start.bankroll + 1 };
    await withFile(path, () => new TextEncoder().encode(sealManifest({ ...manifest, start })), async () => {
      assert.match((await damageOf(folder)).message, /events\.jsonl\.gz:2: .*other settings/);
    });
  });
});

Deno.test("a session that an error ended is proven whole, and says so", async () => {
  await withFolder(async (root) => {
    const folder = await staged(root, "failed", { end: "failed" });
    const { outcome, warnings } = await replayed(folder);
    assert.deepEqual([outcome.firstDifference, warnings], [null, []]);
    assert.equal(parseManifest(await Deno.readTextFile(join(folder, "session.json")), "").state, "failed");
  });
});

const replay = (folder: string, ...more: string[]) => poly(["replay", folder, "--json", ...more]);

Deno.test("a session that decided otherwise is told with its first difference: warning, or exit 1 with --verify", async () => {
  await withFolder(async (root) => {
    // What session.json says is another seed than what drew: the record is whole, the decisions are not reproduced.
    const stated: StageOptions["stated"] = (start) => ({
      ...start,
      strategy: { ...start.strategy, seed: 43 },
    });
    const folder = await staged(root, "otherwise", { stated });
    const loose = await replay(folder);
    assert.equal(loose.code, 0, loose.err);
    assert.ok(loose.envelope?.warnings?.some(({ code }) => code === "REPLAY_DIFFERS"));
    const strict = await replay(folder, "--verify");
    assert.deepEqual([strict.code, strict.envelope?.error?.code], [1, "REPLAY_DIFFERS"]);
    const first = strict.envelope?.error?.details["firstDifference"] as Record<string, unknown>;
    assert.deepEqual(first, loose.envelope?.data?.["firstDifference"]);
    assert.notEqual(first["expected"], first["got"]);
    const text = new TextDecoder().decode(gunzipSync(await Deno.readFile(join(folder, "events.jsonl.gz"))));
    const lines = text.split("\n");
    const line = Number(first["line"]);
    assert.equal(
      JSON.stringify((JSON.parse(lines[line - 1]!) as unknown[])[1]),
      JSON.stringify(first["event"]),
    );
    if (first["expected"] !== null) assert.ok(lines.slice(line).includes(String(first["expected"])));
    assert.equal((first["before"] as unknown[]).length, 5);
    assert.equal((first["window"] as { slug: string }).slug.slice(0, 14), "btc-updown-5m-");
    assert.ok("equity" in (first["engine"] as object));
    const people = await poly(["replay", folder]);
    assert.match(people.out, /first difference at events\.jsonl\.gz:\d+\n {2}expected /);
  });
});

Deno.test("other code is said: a warning while decisions are equal, the error's code when they are not", async () => {
  await withFolder(async (root) => {
    const old: StageOptions["stated"] = (start) => ({ ...start, code: { ...start.code, version: "0.0.1" } });
    const equal = await replay(await staged(root, "equal", { stated: old }), "--verify");
    assert.equal(equal.code, 0, equal.err);
    assert.match(equal.envelope?.warnings?.[0]?.message ?? "", /version 0\.0\.1, here /);
    const unequal: StageOptions["stated"] = (start) => {
      return { ...start, code: { ...start.code, features: "x" }, strategy: { ...start.strategy, seed: 1 } };
    };
    const differs = await replay(await staged(root, "differs", { stated: unequal }), "--verify");
    assert.deepEqual([differs.code, differs.envelope?.error?.code], [1, "REPLAY_OTHER_CODE"]);
    const unknown: StageOptions["stated"] = (start) => {
      return { ...start, strategy: { ...start.strategy, name: "learned" } };
    };
    const unmade = await replay(await staged(root, "unmade", { stated: unknown }));
    assert.deepEqual([unmade.code, unmade.envelope?.error?.code], [1, "REPLAY_OTHER_CODE"]);
    assert.match(unmade.envelope?.error?.message ?? "", /learned/);
  });
});

Deno.test("what is neither a tape nor a session is said so", async () => {
  await withFolder(async (root) => {
    const ran = await replay(root, "--data", root);
    assert.deepEqual([ran.code, ran.envelope?.error?.code], [1, "NOT_A_SESSION"]);
  });
});
