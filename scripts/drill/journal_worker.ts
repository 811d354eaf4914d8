/** Reads journals beside the drill: `{id, path}` in, `{id, facts}` or `{id, error}` out. */
import { readFacts } from "./journal_facts.ts";

const port = globalThis as unknown as {
  onmessage: (message: MessageEvent<{ id: number; path: string }>) => void;
  postMessage(answer: unknown): void;
};

port.onmessage = ({ data }) => {
  const { id, path } = data;
  try {
    port.postMessage({ id, facts: readFacts(path) });
  } catch (error) {
    port.postMessage({ id, error: error instanceof Error ? error.stack ?? error.message : String(error) });
  }
};
