/** A worker that reads journals, one after the other. */
import type { JournalFacts } from "./journal_facts.ts";

type Answer = { readonly id: number } & ({ readonly facts: JournalFacts } | { readonly error: string });

export class JournalReader {
  private readonly worker = new Worker(new URL("./journal_worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, PromiseWithResolvers<JournalFacts>>();
  private count = 0;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const waiting = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("facts" in data) waiting?.resolve(data.facts);
      else waiting?.reject(new Error(data.error));
    };
  }

  /** Throws what the reading threw. */
  read(path: string): Promise<JournalFacts> {
    const answer = Promise.withResolvers<JournalFacts>();
    const id = ++this.count;
    this.waiting.set(id, answer);
    this.worker.postMessage({ id, path });
    return answer.promise;
  }

  close(): void {
    this.worker.terminate();
  }
}
