/** The version, read from `deno.json` so that it is written once. */
import manifest from "../deno.json" with { type: "json" };

export const VERSION: string = manifest.version;
