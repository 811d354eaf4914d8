/** Sets and clears a latch as fast as it can; run several at once by the latch test. */
import { clearLatch, readLatch, setLatch } from "../../../feeds/journal/latch.ts";

const [folder = "", who = ""] = Deno.args;
for (let i = 0; i < 40; i++) {
  const seen = await setLatch(folder, { code: "KILL", reason: `${who} ${i}`, who, at: i });
  await clearLatch(folder, { code: "RESUME", reason: "", who, at: i }, seen).catch((error) => {
    if (error.code !== "LATCH_CHANGED") throw error;
  });
  readLatch(folder);
}
