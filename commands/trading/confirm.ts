/** A person says yes: by `--yes`, or by typing a word at the terminal. Silence, another word or no terminal is a no. */
import type { Terminal } from "../../feeds/keys/prompt.ts";

export interface Question {
  /** null: nobody can be asked. */
  readonly terminal: Terminal | null;
  readonly signal: AbortSignal;
  /** What is about to happen, in one line. */
  readonly text: string;
  /** The word that means yes. */
  readonly word: string;
}

/** Longest answer read. */
const MAX_BYTES = 256;

/** Asks on stderr and reads one line, shown as it is typed. False without a terminal, at the end of input, on a stop. */
export async function confirmed({ signal, terminal, text, word }: Question): Promise<boolean> {
  if (terminal === null || !terminal.isTerminal || signal.aborted) return false;
  terminal.write(`${text}\nType ${word} to go on: `);
  const stopped = Promise.withResolvers<null>();
  const onAbort = () => stopped.resolve(null);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    let line = "";
    while (!line.includes("\n") && !line.includes("\r") && line.length < MAX_BYTES) {
      const bytes = await Promise.race([terminal.read(), stopped.promise]);
      if (bytes === null) return false;
      line += new TextDecoder().decode(bytes);
    }
    return line.trim().toLowerCase() === word.toLowerCase();
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
