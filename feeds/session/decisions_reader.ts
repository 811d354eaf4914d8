/** decisions.jsonl beside the record: written before each order, chained line by line, and proven against the record. */
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { OperationError } from "../../core/errors.ts";
import { CHAIN_START } from "../tape/format.ts";
import { fileError, lineBatches } from "../tape/lines.ts";
import { damaged } from "./errors.ts";
import { DECISIONS_NAME, type SessionManifest } from "./format.ts";
import type { SessionWarning } from "./reader.ts";

/** Next link of the decisions' chain. */
export const decisionHash = (previous: string, line: string): string =>
  createHash("sha256").update(previous).update(line).digest("hex");
/** Line of decisions.jsonl, without a newline. */
export const decisionFileLine = (line: string, hash: string): string =>
  `{"decision":${line},"hash":"${hash}"}`;

/** A text decoder drops half a character at the end without a word. */
async function endsWithNewline(path: string, size: number): Promise<boolean> {
  if (size === 0) return true;
  const file = await open(path, "r");
  try {
    const last = new Uint8Array(1);
    await file.read(last, 0, 1, size - 1);
    return last[0] === 0x0a;
  } finally {
    await file.close();
  }
}

/** Follows decisions.jsonl while the record is read. */
export class DecisionsProof {
  private readonly path: string;
  private readonly batches: AsyncGenerator<string[]>;
  private batch: string[] = [];
  private next = 0;
  private count = 0;
  private chars = 0;
  private hash = CHAIN_START;

  constructor(folder: string, private readonly manifest: SessionManifest) {
    this.path = join(folder, DECISIONS_NAME);
    this.batches = lineBatches(this.path);
  }

  private async line(): Promise<string | null> {
    while (this.next >= this.batch.length) {
      try {
        const { value, done } = await this.batches.next();
        if (done) return null;
        this.batch = value;
        this.next = 0;
      } catch (error) {
        const found = error instanceof OperationError ? error : fileError(error, this.path);
        throw damaged(this.path, null, found.message, error);
      }
    }
    return this.batch[this.next++]!;
  }

  /** The record says that this was decided next. Throws SESSION_DAMAGED when the file says otherwise. */
  async expect(line: string): Promise<void> {
    this.hash = decisionHash(this.hash, line);
    this.count++;
    const wanted = decisionFileLine(line, this.hash);
    const found = await this.line();
    if (found === wanted) {
      this.chars += new TextEncoder().encode(found).length + 1;
      return;
    }
    throw damaged(
      this.path,
      this.count,
      found === null
        ? "the line is missing"
        : `it does not follow from the line before it and the record, which has ${wanted}`,
    );
  }

  /** The record is over. */
  async end(warnings: SessionWarning[]): Promise<void> {
    const { state, decisionsHash } = this.manifest;
    const rest = await this.line();
    if (state === "open") {
      if (rest !== null) await this.judgeRest(rest, warnings);
      return;
    }
    if (rest !== null && state === "failed") return this.judgeRest(rest, warnings);
    if (rest !== null) throw damaged(this.path, this.count + 1, "the record knows no such decision");
    const { size } = await stat(this.path);
    if (size !== this.chars || !await endsWithNewline(this.path, size)) {
      throw damaged(this.path, this.count, "its last line is not ended as it was written");
    }
    if (decisionsHash !== null && decisionsHash !== this.hash) {
      throw damaged(this.path, this.count, `the session ended with hash ${decisionsHash}`);
    }
  }

  /** Decisions are on disk at once, their events up to a flush later: after a kill there may be more of them. */
  private async judgeRest(first: string, warnings: SessionWarning[]): Promise<void> {
    let more = 0;
    let unchained: number | null = null;
    for (let line: string | null = first; line !== null; line = await this.line()) {
      if (unchained !== null) throw damaged(this.path, unchained, "the line is not what was written");
      const text = /^\{"decision":(\[.*\]),"hash":"[0-9a-f]{64}"\}$/.exec(line)?.[1];
      const hash = text === undefined ? "" : decisionHash(this.hash, text);
      if (text !== undefined && line === decisionFileLine(text, hash)) {
        this.hash = hash;
        more++;
      } else {
        // Only the very last line may be cut.
        unchained = this.count + more + 1;
      }
    }
    if (more === 0) return;
    warnings.push({
      code: "SESSION_UNFINISHED",
      message:
        `${this.path} has ${more} decision(s) whose events were not recorded any more: they cannot be replayed`,
    });
  }
}
