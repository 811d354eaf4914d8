import assert from "node:assert/strict";
import { POLYMARKET } from "../../feeds/venue_profile.ts";
import { ROOT } from "./harness.ts";

interface Manifest {
  readonly permissions: {
    readonly cli: { readonly net: string[]; readonly env: { readonly allow: string[] } };
  };
  readonly tasks: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as Manifest;

function underCli(args: string[]): Promise<Deno.CommandOutput> {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=cli", ...args],
    cwd: ROOT,
    env: { POLY_EDGE_CONFIG: `${ROOT}tests/cli/empty.toml` },
    stdin: "null",
    signal: AbortSignal.timeout(20_000),
  }).output();
}

Deno.test("the hosts of the permission set are the venue profile's and loopback, no others", () => {
  const { name: _, ...urls } = POLYMARKET;
  const hosts = Object.values(urls).flat().map((url) => new URL(url).host);
  assert.deepEqual(
    [...manifest.permissions.cli.net].sort(),
    [...new Set([...hosts, "127.0.0.1", "localhost"])].sort(),
  );
});

Deno.test("under the permission set: listed hosts and loopback yes; other hosts, programs, other variables no", async () => {
  const { code, stdout, stderr } = await underCli(["tests/cli/permission_probe.ts"]);
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
    run: false,
    ffi: false,
    env: false,
    path: null,
    secret: true,
    anyHost: false,
    otherHost: false,
    loopback: true,
    venue: true,
    write: true,
  });
});

Deno.test("the program starts under the permission set, as task start runs it", async () => {
  assert.equal(manifest.tasks["start"], "deno run -q --no-prompt -P=cli main.ts");
  for (const args of [["--help"], ["config", "show", "--venue", "sim"]]) {
    const { code, stderr } = await underCli(["main.ts", ...args]);
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(new TextDecoder().decode(stderr), "");
  }
});
