import assert from "node:assert/strict";
import { KEYS, nearestKey, variableOf } from "../../commands/config/keys.ts";
import { configCandidates, defaultDataDir } from "../../commands/config/paths.ts";
import { defaultConfig, feedMaxAgeMs } from "../../commands/config/schema.ts";
import { FEEDS } from "../../core/events.ts";
import { type Envelope, poly, ROOT, withFile } from "./harness.ts";

interface Row {
  readonly key: string;
  readonly value: unknown;
  readonly source: string;
  readonly from: string;
}

function row(envelope: Envelope | null, key: string): Row {
  const rows = envelope?.data?.["values"] as Row[];
  const found = rows.find((item) => item.key === key);
  assert.ok(found, key);
  return found;
}

const FILE = `
venue = "sim:9001"
[risk]
maxBookAgeMs = 4001
maxFastAgeMs = 4002
maxOracleAgeMs = 4003
[profile.small]
sizing.usdc = "5"
[profile.small.risk]
maxBookAgeMs = 3001
maxFastAgeMs = 3002
`;

Deno.test("precedence is flag, environment, profile, file, default, and each value says where it came from", async () => {
  await withFile(FILE, async (path) => {
    const { code, envelope } = await poly(
      ["config", "show", "--json", "--config", path, "--profile", "small", "--set", "risk.maxBookAgeMs=1001"],
      { env: { POLY_EDGE_RISK_MAX_BOOK_AGE_MS: "2001", POLY_EDGE_RISK_MAX_FAST_AGE_MS: "2002" } },
    );
    assert.equal(code, 0);
    const profile = `[profile.small] in ${path}`;
    assert.deepEqual(row(envelope, "risk.maxBookAgeMs"), {
      key: "risk.maxBookAgeMs",
      value: 1001,
      source: "flag",
      from: "--set risk.maxBookAgeMs",
    });
    assert.deepEqual(row(envelope, "risk.maxFastAgeMs"), {
      key: "risk.maxFastAgeMs",
      value: 2002,
      source: "environment",
      from: "POLY_EDGE_RISK_MAX_FAST_AGE_MS",
    });
    assert.deepEqual(row(envelope, "sizing.usdc"), {
      key: "sizing.usdc",
      value: "5",
      source: "profile",
      from: profile,
    });
    assert.deepEqual(row(envelope, "risk.maxOracleAgeMs"), {
      key: "risk.maxOracleAgeMs",
      value: 4003,
      source: "file",
      from: path,
    });
    assert.deepEqual(row(envelope, "risk.orderMaxAgeMs"), {
      key: "risk.orderMaxAgeMs",
      value: 1000,
      source: "default",
      from: "",
    });
    assert.equal(envelope?.meta.venue, "sim:9001");
  });
});

Deno.test("a profile that is not chosen changes nothing", async () => {
  await withFile(FILE, async (path) => {
    const { envelope } = await poly(["config", "show", "--json", "--config", path]);
    assert.equal(row(envelope, "risk.maxBookAgeMs").value, 4001);
  });
});

Deno.test("global options work before and after the subcommand", async () => {
  const before = await poly(["--venue", "sim", "--json", "config", "show"]);
  const after = await poly(["config", "show", "--json", "--venue", "sim"]);
  assert.deepEqual(before.envelope?.data, after.envelope?.data);
  assert.equal(row(after.envelope, "venue").from, "--venue");
});

Deno.test("BANKROLL_USDC sets the paper bankroll, POLY_EDGE_PAPER_BANKROLL_USDC wins over it", async () => {
  const kept = await poly(["config", "show", "--json"], { env: { BANKROLL_USDC: "250.5" } });
  assert.deepEqual(row(kept.envelope, "paper.bankrollUsdc"), {
    key: "paper.bankrollUsdc",
    value: "250.5",
    source: "environment",
    from: "BANKROLL_USDC",
  });
  const own = await poly(["config", "show", "--json"], {
    env: { BANKROLL_USDC: "250.5", POLY_EDGE_PAPER_BANKROLL_USDC: "7" },
  });
  assert.equal(row(own.envelope, "paper.bankrollUsdc").value, "7");
});

Deno.test("an unknown key is CONFIG_INVALID, exit 2, and names file, key path and nearest key", async () => {
  await withFile("[risk]\nmaxBookAge = 5\n", async (path) => {
    const { code, envelope } = await poly(["config", "show", "--json", "--config", path]);
    assert.equal(code, 2);
    assert.equal(envelope?.error?.code, "CONFIG_INVALID");
    assert.match(envelope?.error?.message ?? "", /risk\.maxBookAge /);
    assert.ok(envelope?.error?.message.includes(path));
    assert.match(envelope?.error?.hint ?? "", /Did you mean risk\.maxBookAgeMs\?/);
  });
});

Deno.test("an unknown key in a profile that is not chosen is refused too", async () => {
  await withFile("[profile.later.risc]\nmaxBookAgeMs = 5\n", async (path) => {
    const { code, err } = await poly(["config", "show", "--config", path]);
    assert.equal(code, 2);
    assert.match(err, /^error CONFIG_INVALID: Cannot use risc as a configuration key/);
    assert.match(err, /hint: Did you mean risk\?/);
  });
});

Deno.test("wrong values are refused with the value, its place and what is expected", async () => {
  const cases: [string, RegExp][] = [
    ['[risk]\nmaxBookAgeMs = "soon"', /risk\.maxBookAgeMs .*current value is "soon" .*expected/],
    ["[risk]\nmaxDrawdownFraction = 2", /risk\.maxDrawdownFraction .*current value is 2 /],
    ['[sizing]\nusdc = "-5"', /sizing\.usdc .*current value is "-5" .*decimal amount/],
    ['venue = "simulator"', /venue .*current value is "simulator" .*must be polymarket/],
    ['assets = ["doge"]', /assets .*current value is \["doge"\]/],
    ["risk = 5", /risk as a section: current value is 5/],
    ["profile = 5", /profile as a section/],
    ['[network]\nproxy = "proxyhost"', /network\.proxy .*must be http:/],
    ["venue = ", /as TOML: .*line 1, column/],
  ];
  for (const [text, expected] of cases) {
    await withFile(text, async (path) => {
      const { code, envelope } = await poly(["config", "show", "--json", "--config", path]);
      assert.equal(code, 2, text);
      assert.equal(envelope?.error?.code, "CONFIG_INVALID", text);
      assert.match(envelope?.error?.message ?? "", expected);
      assert.ok(envelope?.error?.message.includes(path), text);
    });
  }
});

Deno.test("a wrong environment value names the variable", async () => {
  const { code, err } = await poly(["config", "show"], { env: { BANKROLL_USDC: "lots" } });
  assert.equal(code, 2);
  assert.match(err, /^error CONFIG_INVALID: .*paper\.bankrollUsdc.*"lots" \(BANKROLL_USDC\)/);
});

Deno.test("a named configuration file that is missing, or a folder, is an error; a default one may be absent", async () => {
  const missing = await poly(["config", "show", "--json", "--config", "/nonexistent/poly-edge.toml"]);
  assert.equal(missing.code, 2);
  assert.equal(missing.envelope?.error?.code, "CONFIG_NOT_FOUND");
  const variable = await poly(["config", "show", "--json"], {
    env: { POLY_EDGE_CONFIG: "/nonexistent/x.toml" },
  });
  assert.equal(variable.envelope?.error?.code, "CONFIG_NOT_FOUND");
  const folder = await Deno.makeTempDir();
  const unreadable = await poly(["config", "show", "--json", "--config", folder]);
  assert.equal(unreadable.code, 2);
  assert.equal(unreadable.envelope?.error?.code, "CONFIG_UNREADABLE");
  await Deno.remove(folder);
});

Deno.test("an unknown profile names those that exist", async () => {
  await withFile(FILE, async (path) => {
    const { code, envelope } = await poly([
      "config",
      "show",
      "--json",
      "--config",
      path,
      "--profile",
      "smal",
    ]);
    assert.equal(code, 2);
    assert.equal(envelope?.error?.code, "PROFILE_UNKNOWN");
    assert.match(envelope?.error?.hint ?? "", /small/);
  });
});

Deno.test("--set reaches every key: numbers, money, lists, choices and strategy parameters", async () => {
  const sets = [
    "risk.blackoutBeforeEndMs=5000",
    "sizing.mode=kelly",
    "sizing.usdc=12.5",
    "assets=btc,eth",
    "strategy.params.edge=0.03",
    "strategy.params.kind=slow",
    "strategy.params.on=true",
    "log.file=",
  ];
  const { code, envelope } = await poly([
    "config",
    "show",
    "--json",
    ...sets.flatMap((set) => ["--set", set]),
  ]);
  assert.equal(code, 0);
  assert.equal(row(envelope, "risk.blackoutBeforeEndMs").value, 5000);
  assert.equal(row(envelope, "sizing.mode").value, "kelly");
  assert.equal(row(envelope, "sizing.usdc").value, "12.5");
  assert.deepEqual(row(envelope, "assets").value, ["btc", "eth"]);
  assert.equal(row(envelope, "strategy.params.edge").value, 0.03);
  assert.equal(row(envelope, "strategy.params.kind").value, "slow");
  assert.equal(row(envelope, "strategy.params.on").value, true);
});

Deno.test("the last --set of a key wins, and a global option wins over --set", async () => {
  const { envelope } = await poly([
    ...["config", "show", "--json", "--set", "risk.maxBookAgeMs=1", "--set", "risk.maxBookAgeMs=2"],
    ...["--set", "venue=sim:1", "--venue", "sim:2"],
  ]);
  assert.equal(row(envelope, "risk.maxBookAgeMs").value, 2);
  assert.equal(row(envelope, "venue").value, "sim:2");
});

Deno.test("secrets are shown only as set or unset, and a proxy password not at all", async () => {
  const secret = "0x" + "ab".repeat(32);
  const ran = await poly(["config", "show", "--json", "--proxy", "socks5://me:hunter22@127.0.0.1:1080"], {
    env: { POLY_PRIVATE_KEY: secret, POLY_API_SECRET: "c2VjcmV0LXZhbHVl" },
  });
  assert.deepEqual(ran.envelope?.data?.["secrets"], {
    POLY_PRIVATE_KEY: "set",
    POLY_API_KEY: "unset",
    POLY_API_SECRET: "set",
    POLY_API_PASSPHRASE: "unset",
    POLY_EDGE_PASSPHRASE: "unset",
    POLY_RELAYER_KEY: "unset",
  });
  for (const hidden of [secret.slice(2), "c2VjcmV0LXZhbHVl", "hunter22"]) {
    assert.ok(!ran.out.includes(hidden), hidden);
  }
});

Deno.test("config path prints the file in use and the data folder; --data moves it", async () => {
  await withFile("", async (path) => {
    const { envelope } = await poly([
      "config",
      "path",
      "--json",
      "--config",
      path,
      "--data",
      "/var/tmp/edge",
    ]);
    assert.equal(envelope?.data?.["file"], path);
    assert.equal(envelope?.data?.["dataDir"], "/var/tmp/edge");
  });
});

Deno.test("the default folders follow the platform", () => {
  const env = (name: string) => ({ HOME: "/home/a", USERPROFILE: "/c/a", APPDATA: "/c/a/AppData" })[name];
  assert.equal(defaultDataDir(env, "linux"), "/home/a/.local/share/poly-edge");
  assert.equal(defaultDataDir(env, "darwin"), "/home/a/Library/Application Support/poly-edge");
  assert.equal(defaultDataDir(env, "windows"), "/c/a/AppData/poly-edge");
  const xdg = (name: string) =>
    name === "XDG_DATA_HOME" ? "/data" : name === "XDG_CONFIG_HOME" ? "conf" : env(name);
  assert.equal(defaultDataDir(xdg, "linux"), "/data/poly-edge");
  assert.equal(configCandidates(xdg, "linux")[1], "/home/a/.config/poly-edge/poly-edge.toml");
});

Deno.test("every key has its own environment variable, apart from those with another meaning", () => {
  const names = [...KEYS.keys()].map(variableOf);
  assert.equal(new Set(names).size, names.length);
  assert.equal(variableOf("risk.maxBookAgeMs"), "POLY_EDGE_RISK_MAX_BOOK_AGE_MS");
  for (const taken of ["POLY_EDGE_CONFIG", "POLY_EDGE_PROFILE", "POLY_EDGE_SIM_PORT", "POLY_EDGE_DATA_DIR"]) {
    assert.ok(!names.includes(taken), taken);
  }
});

Deno.test("nearestKey() finds a right name in a wrong section and gives up on the strange", () => {
  assert.equal(nearestKey("maxBookAgeMs"), "risk.maxBookAgeMs");
  assert.equal(nearestKey("paper.maxBookAgeMs"), "risk.maxBookAgeMs");
  assert.equal(nearestKey("risk.maxTradeFracton"), "risk.maxTradeFraction");
  assert.equal(nearestKey("completely.unrelatedThing"), null);
});

Deno.test("every feed has an age limit", () => {
  const config = defaultConfig();
  for (const feed of FEEDS) assert.ok(feedMaxAgeMs(config, feed) > 0, feed);
});

Deno.test("poly-edge.example.toml loads and states the defaults", async () => {
  const path = `${ROOT}poly-edge.example.toml`;
  const { code, envelope } = await poly(["config", "show", "--json", "--config", path]);
  assert.equal(code, 0, JSON.stringify(envelope?.error));
  const plain = await poly(["config", "show", "--json"]);
  const inFile = (envelope?.data?.["values"] as Row[]).filter((item) => item.source === "file");
  assert.ok(inFile.length > 20);
  for (const item of inFile) {
    if (!item.key.startsWith("strategy.params.")) {
      assert.deepEqual(item.value, row(plain.envelope, item.key).value, item.key);
    }
  }
  const named = inFile.map(({ key }) => key);
  assert.deepEqual(
    [...KEYS.keys()].filter((key) => !named.includes(key)),
    [],
    "keys that the file does not hold",
  );
});

Deno.test("docs/configuration.md names every key with its variable and its default", async () => {
  const text = (await Deno.readTextFile(`${ROOT}docs/configuration.md`)).replace(/ +/g, " ");
  for (const [key, value] of KEYS) {
    const shown = Array.isArray(value) ? value.join(",") : String(value);
    const wanted = `| \`${key}\` | ${shown === "" ? "" : `\`${shown}\` `}| \`${variableOf(key)}\` |`;
    assert.ok(text.includes(wanted), `docs/configuration.md lacks: ${wanted}`);
  }
});
