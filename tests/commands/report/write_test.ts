import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperationError } from "../../../core/errors.ts";
import { writeReport } from "../../../commands/report/write.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "poly-edge-report-"));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function failure(path: string): Promise<OperationError> {
  try {
    await writeReport(path, "new");
  } catch (error) {
    assert.ok(error instanceof OperationError);
    assert.equal(error.code, "REPORT_WRITE_FAILED");
    assert.equal(error.exit, 1);
    assert.ok(error.message.includes(path) && (error.hint ?? "").length > 0);
    return error;
  }
  throw new Error("the write succeeded");
}

Deno.test("writeReport() makes missing folders, replaces an older report and leaves only the report", () =>
  inFolder(async (folder) => {
    const path = join(folder, "deep", "report.html");
    await writeReport(path, "old");
    assert.deepEqual(await writeReport(path, "nëw"), { bytes: 4 });
    assert.equal(await readFile(path, "utf8"), "nëw");
    assert.deepEqual(await readdir(join(folder, "deep")), ["report.html"]);
  }));

Deno.test("writeReport() onto a folder fails and leaves nothing behind", () =>
  inFolder(async (folder) => {
    const path = join(folder, "report.html");
    await mkdir(join(path, "kept"), { recursive: true });
    await failure(path);
    assert.deepEqual(await readdir(folder), ["report.html"]);
    assert.deepEqual(await readdir(path), ["kept"]);
  }));

Deno.test("writeReport() below a file fails with what is wrong and leaves the file alone", () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, "file"), "kept");
    const error = await failure(join(folder, "file", "report.html"));
    assert.match(error.hint ?? "", /a file, not a folder/);
    assert.equal(await readFile(join(folder, "file"), "utf8"), "kept");
  }));

Deno.test("writeReport() on a disk that fills up half-way keeps the older report and no half of the new one", () =>
  inFolder(async (folder) => {
    const path = join(folder, "report.html");
    await writeFile(path, "old");
    const create = async (target: string, bytes: Uint8Array) => {
      await writeFile(target, bytes.slice(0, 1));
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    };
    await assert.rejects(writeReport(path, "new", { mkdir, rename, create }), (error: unknown) => {
      assert.ok(error instanceof OperationError && error.code === "REPORT_WRITE_FAILED");
      assert.match(error.hint ?? "", /disk is full/);
      return true;
    });
    assert.deepEqual(await readdir(folder), ["report.html"]);
    assert.equal(await readFile(path, "utf8"), "old");
  }));

Deno.test("writeReport() into a folder without permission keeps the older report", () =>
  inFolder(async (folder) => {
    const path = join(folder, "report.html");
    await writeFile(path, "old");
    await chmod(folder, 0o500);
    try {
      // The superuser may write anywhere; then there is nothing to see here.
      if (Deno.uid() === 0) return console.log("SKIPPED permission test: running as the superuser");
      assert.match((await failure(path)).hint ?? "", /permissions/);
      assert.equal(await readFile(path, "utf8"), "old");
    } finally {
      await chmod(folder, 0o700);
    }
  }));
