/** argv -> command -> result envelope -> exit code; nothing else. */
import { main } from "./commands/cli.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
