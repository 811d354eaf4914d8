import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { withHost } from "./stage.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const CERTIFICATE = here("../../../fixtures/tls/localhost.crt");

async function asked(port: number, flags: string[], env: Record<string, string> = {}): Promise<unknown> {
  const permissions = ["--no-prompt", "--allow-net=localhost", `--allow-read=${here("../../../fixtures")}`];
  const { stderr, stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-check", ...permissions, ...flags, here("trust.ts"), String(port)],
    env,
    signal: AbortSignal.timeout(20_000),
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("an authority is added by DENO_CERT or --cert, with the permission of the name alone", async () => {
  await withHost({}, async ({ tlsPort }) => {
    const trusted = { legs: "ok", clients: ["ok", "ok", "ok", "ok"] };
    const [bare, flag, variable] = await Promise.all([
      asked(tlsPort, []),
      asked(tlsPort, ["--cert", CERTIFICATE]),
      asked(tlsPort, [], { DENO_CERT: CERTIFICATE }),
    ]);
    assert.match(
      JSON.stringify(bare),
      /^\{"legs":"[^"]*not trusted here","clients":\["[^"]*not trusted here"\]\}$/,
    );
    assert.deepEqual([flag, variable], [trusted, trusted]);
  });
});
