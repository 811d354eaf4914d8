import assert from "node:assert/strict";
import { join } from "node:path";
import { loadApiCredentials } from "../../feeds/keys/api_cache.ts";
import { keystorePath, openKeystore, parseKey } from "../../feeds/keys/keystore.ts";
import { secret } from "../../feeds/keys/secret.ts";
import { l2Signer } from "../../feeds/polymarket/signing/login.ts";
import { walletsOf } from "../../feeds/polymarket/signing/wallets.ts";
import { poly, type Ran, ROOT } from "../cli/harness.ts";
import { withVenue } from "../fixtures/venue_client.ts";

/** Public Hardhat/Anvil key 5; never fund it. */
const KEY = "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba";
const OWNER = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc";
const PASSPHRASE = "correct horse battery";
const WRONG = "wrong donkey socket";
const posix = Deno.build.os !== "windows";

interface Desk {
  readonly folder: string;
  /** Runs `keys ...`, with the log at debug in a file; fails when a planted secret is in anything that was written. */
  keys(argv: string[], env?: Record<string, string>): Promise<Ran>;
  /** Adds a secret that must not be found from now on, nor in what was written before. */
  plant(...values: string[]): void;
}

async function withDesk(act: (desk: Desk) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const log = join(folder, "log.jsonl");
  const planted = new Set([KEY.slice(2), PASSPHRASE, WRONG]);
  let written = "";
  const search = () => {
    const haystack = written.toLowerCase();
    for (const value of planted) assert.ok(!haystack.includes(value.toLowerCase()), "a secret was written");
    // The filter behind is a second wall: nothing may have got as far as that.
    assert.ok(!haystack.includes("[redacted]"), "a secret had to be filtered out");
  };
  try {
    await act({
      folder,
      plant(...values) {
        values.forEach((value) => planted.add(value));
        search();
      },
      async keys(argv, env = {}) {
        const options = ["--data", folder, "--log-level", "debug", "--log-file", log];
        const ran = await poly(["keys", ...argv, ...options], { env });
        written += ran.out + ran.err + await Deno.readTextFile(log).catch(() => "");
        search();
        return ran;
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const codeOf = (ran: Ran) => [ran.envelope?.error?.code, ran.code];
const withPass = { POLY_EDGE_PASSPHRASE: PASSPHRASE };

Deno.test("keys new makes a keystore and prints addresses only; show needs no passphrase, --verify does", async () => {
  await withDesk(async ({ folder, keys, plant }) => {
    const made = await keys(["new", "--json"], withPass);
    assert.equal(made.code, 0, made.out);
    const pair = await openKeystore(keystorePath(folder, "default"), secret(PASSPHRASE));
    plant(pair.key.reveal().slice(2));
    const { eoa, ...rest } = walletsOf(pair.address);
    const addresses = { address: eoa, wallets: { eoa, ...rest } };
    assert.deepEqual(made.envelope?.data, { ...addresses, keystore: keystorePath(folder, "default") });
    assert.deepEqual((await keys(["show", "--json"])).envelope?.data, addresses);
    assert.deepEqual((await keys(["show", "--verify", "--json"], withPass)).envelope?.data, addresses);
    const text = await keys(["show", "--verify"], withPass);
    for (const address of [eoa, ...Object.values(rest)]) assert.ok(text.out.includes(address));
    const second = await keys(["new", "--name", "hot"], withPass);
    assert.equal(second.code, 0);
    plant((await openKeystore(keystorePath(folder, "hot"), secret(PASSPHRASE))).key.reveal().slice(2));
  });
});

Deno.test("keys import takes POLY_PRIVATE_KEY; a second import refuses and leaves the file as it was", async () => {
  await withDesk(async ({ folder, keys }) => {
    const env = { ...withPass, POLY_PRIVATE_KEY: KEY.slice(2) };
    const ran = await keys(["import", "--name", "hot", "--json"], env);
    assert.equal(ran.envelope?.data?.["address"], OWNER);
    const path = keystorePath(folder, "hot");
    assert.equal((await openKeystore(path, secret(PASSPHRASE))).key.reveal(), KEY);
    if (posix) assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    const before = await Deno.readTextFile(path);
    assert.deepEqual(codeOf(await keys(["import", "--name", "hot", "--json"], env)), ["KEY_FILE_EXISTS", 2]);
    assert.deepEqual(codeOf(await keys(["new", "--name", "hot", "--json"], withPass)), [
      "KEY_FILE_EXISTS",
      2,
    ]);
    assert.equal(await Deno.readTextFile(path), before);
  });
});

Deno.test("POLY_PRIVATE_KEY is the key unless a keystore is named", async () => {
  await withDesk(async ({ keys }) => {
    assert.equal((await keys(["new", "--name", "hot", "--json"], withPass)).code, 0);
    const env = { POLY_PRIVATE_KEY: KEY };
    assert.equal((await keys(["show", "--json"], env)).envelope?.data?.["address"], OWNER);
    assert.equal((await keys(["show", "--verify", "--json"], env)).envelope?.data?.["address"], OWNER);
    assert.notEqual(
      (await keys(["show", "--name", "hot", "--json"], env)).envelope?.data?.["address"],
      OWNER,
    );
    const broken = { POLY_PRIVATE_KEY: KEY.slice(0, 40) };
    const refused = await keys(["show", "--json"], broken);
    assert.deepEqual(codeOf(refused), ["KEY_INVALID", 2]);
    assert.ok(!(refused.out + refused.err).includes(KEY.slice(2, 40)));
  });
});

Deno.test("what is wrong or missing is exit 2, what is damaged exit 1; nothing is asked without a terminal", async () => {
  await withDesk(async ({ folder, keys }) => {
    assert.equal((await keys(["import", "--json"], { ...withPass, POLY_PRIVATE_KEY: KEY })).code, 0);
    const wrong = { POLY_EDGE_PASSPHRASE: WRONG };
    const rows: [string[], Record<string, string>, string][] = [
      [["show", "--verify"], wrong, "PASSPHRASE_WRONG"],
      [["show", "--verify"], {}, "SECRET_MISSING"],
      [["show", "--name", "none"], {}, "KEYSTORE_NOT_FOUND"],
      [["show", "--name", "../none"], {}, "USAGE"],
      [["derive-api"], wrong, "PASSPHRASE_WRONG"],
      [["derive-api", "--nonce", "-1"], withPass, "USAGE"],
      [["new", "--name", "x"], {}, "SECRET_MISSING"],
      [["new", "--name", "x"], { POLY_EDGE_PASSPHRASE: "short77" }, "PASSPHRASE_WEAK"],
      [["import", "--name", "x"], withPass, "SECRET_MISSING"],
      [["import", "--name", "x", "--key-fd", "0", "--passphrase-fd", "0"], {}, "USAGE"],
      [["new", "--name", "x", "--passphrase-fd", "1"], {}, "USAGE"],
      [["new", "--name", "x", "--passphrase-fd", "one"], {}, "USAGE"],
      [["new", "--name", "x", "--passphrase-fd", "200"], {}, "SECRET_UNREADABLE"],
    ];
    for (const [argv, env, code] of rows) {
      for (const json of [["--json"], []]) {
        const ran = await keys([...argv, ...json], env);
        assert.equal(ran.code, 2, argv.join(" "));
        assert.ok((ran.out + ran.err).includes(code), `${argv.join(" ")}: ${ran.out}${ran.err}`);
      }
    }
    const path = keystorePath(folder, "default");
    const whole = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, whole.slice(0, 200));
    for (const argv of [["show"], ["show", "--verify"], ["derive-api"]]) {
      assert.deepEqual(codeOf(await keys([...argv, "--json"], withPass)), ["KEYSTORE_DAMAGED", 1]);
    }
  });
});

Deno.test("a secret given as a flag is a usage error that does not repeat it", async () => {
  await withDesk(async ({ keys }) => {
    for (const flag of ["--passphrase", "--private-key", "--key", "--password"]) {
      for (const argv of [[flag, PASSPHRASE], [`${flag}=${PASSPHRASE}`], [`${flag}=${KEY}`]]) {
        for (const command of ["new", "import", "show", "derive-api"]) {
          const ran = await keys([command, ...argv, "--json"]);
          assert.deepEqual(codeOf(ran), ["USAGE", 2], `${command} ${flag}`);
        }
      }
    }
  });
});

Deno.test({
  name: "a keystore that others may read is used with a warning that says its mode",
  ignore: !posix,
  async fn() {
    await withDesk(async ({ folder, keys }) => {
      await keys(["new"], withPass);
      const path = keystorePath(folder, "default");
      await Deno.chmod(path, 0o644);
      const { envelope } = await keys(["show", "--json"]);
      assert.equal(envelope?.warnings?.[0]?.code, "KEY_FILE_OPEN");
      assert.match(envelope?.warnings?.[0]?.message ?? "", /0644/);
      await Deno.chmod(path, 0o600);
      assert.deepEqual((await keys(["show", "--json"])).envelope?.warnings, []);
    });
  },
});

Deno.test("derive-api makes credentials at the venue, finds the same again, and they open the private endpoints", async () => {
  await withVenue({}, async ({ http }) => {
    await withDesk(async ({ keys, plant }) => {
      await keys(["import"], { ...withPass, POLY_PRIVATE_KEY: KEY });
      const at = ["--venue", http, "--json"];
      const made = (await keys(["derive-api", ...at], withPass)).envelope?.data ?? {};
      assert.equal(made["created"], true);
      assert.equal(made["address"], OWNER);
      const pair = parseKey(secret(KEY), "a test");
      const clob = `${http}/clob`;
      const path = String(made["credentials"]);
      const load = () => {
        const found = loadApiCredentials(path, pair, clob);
        assert.ok(found);
        return found.secrets;
      };
      const secrets = load();
      plant(secrets.apiKey.reveal(), secrets.secret.reveal(), secrets.passphrase.reveal());
      const again = await keys(["derive-api", ...at], { POLY_PRIVATE_KEY: KEY });
      assert.deepEqual(again.envelope?.data, { ...made, created: false });
      assert.equal(load().secret.reveal(), secrets.secret.reveal());
      const other = await keys(["derive-api", "--nonce", "5", "--venue", http], withPass);
      assert.equal(other.code, 0, other.err);
      assert.notEqual(load().apiKey.reveal(), secrets.apiKey.reveal());
      plant(load().secret.reveal());

      const timestampS = Number(await (await fetch(`${clob}/time`)).json());
      const request = { method: "GET", path: "/auth/api-keys", body: "", timestampS } as const;
      const answer = await fetch(`${clob}/auth/api-keys`, {
        headers: l2Signer(OWNER, secrets).headers(request),
      });
      const { apiKeys } = await answer.json() as { apiKeys: string[] };
      assert.ok(apiKeys.includes(secrets.apiKey.reveal()));
    });
  });
});

Deno.test("a venue that refuses the login is exit 4, one that fails or is away exit 1; nothing is written", async () => {
  await withVenue({}, async ({ http }) => {
    await withDesk(async ({ folder, keys }) => {
      let answer = () => Response.json({ error: "Invalid L1 Request headers" }, { status: 401 });
      // Everything but the login is the simulated venue's own.
      const front = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
        const { pathname, search } = new URL(request.url);
        if (!pathname.includes("/auth/")) {
          const real = await fetch(`${http}${pathname}${search}`);
          return new Response(await real.text(), { status: real.status });
        }
        await request.body?.cancel();
        return answer();
      });
      const at = ["derive-api", "--json", "--venue", `http://127.0.0.1:${front.addr.port}`];
      const env = { POLY_PRIVATE_KEY: KEY };
      try {
        assert.deepEqual(codeOf(await keys(at, env)), ["AUTH_REFUSED", 4]);
        answer = () => Response.json({ error: "Could not derive api key!" }, { status: 400 });
        assert.deepEqual(codeOf(await keys(at, env)), ["API_KEY_REFUSED", 4]);
        answer = () => new Response("error code: 1010", { status: 403 });
        assert.deepEqual(codeOf(await keys(at, env)), ["GEO_BLOCKED", 4]);
        answer = () => Response.json({ error: "internal" }, { status: 500 });
        assert.deepEqual(codeOf(await keys(at, env)), ["HTTP_STATUS", 1]);
        answer = () => new Response(`{"apiKey":"a","secret":"${PASSPHRASE}`);
        assert.deepEqual(codeOf(await keys(at, env)), ["BAD_JSON", 1]);
      } finally {
        await front.shutdown();
      }
      assert.deepEqual(codeOf(await keys(at, env)), ["VENUE_UNREACHABLE", 1]);
      await assert.rejects(Deno.stat(join(folder, "keys")), Deno.errors.NotFound);
    });
  });
});

/** The program as a process under its permission set, with `input` on stdin; also its command line as others see it. */
async function spawned(argv: string[], input: string, env: Record<string, string> = {}) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=cli", "main.ts", ...argv],
    cwd: ROOT,
    env: { POLY_EDGE_CONFIG: `${ROOT}tests/cli/empty.toml`, ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(30_000),
  }).spawn();
  // It waits for its input, so that its command line can be read while it lives.
  const seen = Deno.build.os === "linux" ? await Deno.readTextFile(`/proc/${child.pid}/cmdline`) : "";
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [string, string];
  return { code, out, err, seen };
}

Deno.test("as a process: passphrase or key on stdin, nothing of them on stdout, stderr or the command line", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const at = ["--json", "--data", folder];
    const runs = [
      await spawned(["keys", "import", "--passphrase-fd", "0", ...at], `${PASSPHRASE}\n`, {
        POLY_PRIVATE_KEY: KEY,
      }),
      await spawned(
        ["keys", "import", "--name", "hot", "--key-fd", "0", ...at],
        `${KEY}\r\nmore\n`,
        withPass,
      ),
      await spawned(["keys", "show", "--verify", "--passphrase-fd", "0", ...at], PASSPHRASE),
      await spawned(["keys", "show", "--verify", "--passphrase-fd", "0", ...at], `${WRONG}\n`),
      await spawned(["keys", "show", "--verify", "--passphrase-fd", "0", ...at], ""),
      await spawned(["keys", "show", "--verify", "--passphrase-fd", "0", ...at], "x".repeat(5000)),
    ];
    assert.deepEqual(runs.map(({ code }) => code), [0, 0, 0, 2, 2, 2], runs.map(({ err }) => err).join());
    const envelopes = runs.map(({ out }) => JSON.parse(out) as Ran["envelope"]);
    for (const envelope of envelopes.slice(0, 3)) assert.equal(envelope?.data?.["address"], OWNER);
    assert.deepEqual(envelopes.slice(3).map((envelope) => envelope?.error?.code), [
      "PASSPHRASE_WRONG",
      "SECRET_UNREADABLE",
      "SECRET_UNREADABLE",
    ]);
    for (const { out, err, seen } of runs) {
      const all = (out + err + seen).toLowerCase();
      for (const value of [KEY.slice(2), PASSPHRASE, WRONG]) assert.ok(!all.includes(value), all);
    }
    assert.equal((await openKeystore(keystorePath(folder, "hot"), secret(PASSPHRASE))).key.reveal(), KEY);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "as a process: a passphrase on an inherited pipe beyond the standard three",
  ignore: !posix,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      // The shell makes the pipe; the passphrase is in its script's input, not on any command line.
      const script = 'read -r line; "$@" 3< <(printf "%s\\n" "$line")';
      const child = new Deno.Command("bash", {
        args: ["-c", script, "bash", Deno.execPath(), "run", "-q", "--no-prompt", "-P=cli", "main.ts"]
          .concat(["keys", "new", "--passphrase-fd", "3", "--json", "--data", folder]),
        cwd: ROOT,
        env: { POLY_EDGE_CONFIG: `${ROOT}tests/cli/empty.toml` },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
        signal: AbortSignal.timeout(30_000),
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(`${PASSPHRASE}\n`));
      await writer.close();
      const { code, stdout, stderr } = await child.output();
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [string, string];
      assert.equal(code, 0, out + err);
      assert.ok(!(out + err).includes(PASSPHRASE));
      const { address } = (JSON.parse(out) as { data: { address: string } }).data;
      assert.equal(
        (await openKeystore(keystorePath(folder, "default"), secret(PASSPHRASE))).address,
        address,
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
