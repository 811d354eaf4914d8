import assert from "node:assert/strict";
import { poly } from "./harness.ts";

/** The public first key of Hardhat and Anvil. */
const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const PHRASE = "Correct-Horse-Battery-9";

Deno.test("a key or passphrase typed in the wrong place is not printed back", async () => {
  const misplaced = [
    ["keys", "import", KEY],
    ["keys", "show", PHRASE],
    ["keys", KEY],
    ["keys", PHRASE],
    [KEY],
    ["keys", "new", "--name", KEY],
    ["keys", "derive-api", "--nonce", KEY],
    ["keys", "import", "--key-fd", KEY],
  ];
  for (const argv of misplaced) {
    for (const more of [[], ["--json"]]) {
      const ran = await poly([...argv, ...more]);
      assert.equal(ran.code, 2, argv.slice(0, 2).join(" "));
      assert.doesNotMatch(ran.out + ran.err, /ac0974|Correct-Horse/, argv.slice(0, 2).join(" "));
    }
  }
});

Deno.test("a key written into the configuration, its flags or its variables is not printed back", async () => {
  const file = await Deno.makeTempFile({ suffix: ".toml" });
  const show = ["config", "show"];
  try {
    for (
      const bad of [
        `[account]\nkey = "${KEY}"`,
        `assets = ["${KEY}"]`,
        `${KEY} = 1`,
        `key = "${KEY}`,
        `key = ${KEY}`,
      ]
    ) {
      await Deno.writeTextFile(file, `${bad}\n`);
      for (const more of [[], ["--json"]]) {
        const ran = await poly([...show, "--config", file, ...more]);
        assert.equal(ran.code, 2, bad.slice(0, 20));
        assert.doesNotMatch(ran.out + ran.err, /ac0974/, bad.slice(0, 20));
      }
    }
  } finally {
    await Deno.remove(file);
  }
  const ways = [
    await poly([...show, "--json", "--set", `account.key=${KEY}`]),
    await poly([...show, "--json", "--profile", KEY]),
    await poly([...show, "--json", "--config", KEY]),
    await poly([...show, "--json", "--venue", KEY.slice(0, -1)]),
    await poly([...show, "--json"], { env: { POLY_EDGE_ACCOUNT_KEY: KEY } }),
  ];
  for (const [at, ran] of ways.entries()) {
    assert.equal(ran.code, 2, `way ${at}`);
    assert.doesNotMatch(ran.out + ran.err, /ac0974/, `way ${at}`);
  }
});

Deno.test("a proxy's password is never shown, whatever is wrong with its URL", async () => {
  const proxies = [
    "http://u:sekret@foo:x",
    "http://u:sekret@foo:99999",
    "ftp://u:sekret@127.0.0.1:9",
    "http://u:sekret@h:9/path",
    "http://u:se^sekret|@127.0.0.1:9",
    "http://u:sekret@127.0.0.1:9",
  ];
  for (const proxy of proxies) {
    const ran = await poly(["--proxy", proxy, "config", "show", "--json"]);
    assert.ok(ran.code === 0 || ran.envelope?.error?.code === "CONFIG_INVALID", `${proxy}: ${ran.err}`);
    assert.doesNotMatch(ran.out + ran.err, /sekret/, proxy);
  }
});
