import assert from "node:assert/strict";
import { join } from "node:path";
import { OperationError } from "../../../core/errors.ts";
import { wallClock } from "../../../feeds/clock.ts";
import { apiCachePath, loadApiCredentials, saveApiCredentials } from "../../../feeds/keys/api_cache.ts";
import { fetchApiKey } from "../../../feeds/keys/api_key.ts";
import { parseKey } from "../../../feeds/keys/keystore.ts";
import { secret } from "../../../feeds/keys/secret.ts";
import { httpClient } from "../../../feeds/net/http.ts";
import { clobAuthSigner } from "../../../fixtures/exchange/typed_data.ts";

const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const pair = parseKey(secret(KEY), "a test");
const TIME_S = 1_795_253_805;
const CREDENTIALS = { apiKey: "11111111-2222", secret: "U0VDUkVU-VALUE", passphrase: "deadbeefcafe" };
const CLOB = "http://127.0.0.1:1/clob";
const random = (into: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(into);

type Answer = (request: { method: string; path: string; headers: Headers; body: unknown }) => Response;

/** An HTTP client whose network is the function. */
function clientOf(answer: Answer) {
  const asked: string[] = [];
  const http = httpClient({
    network: {
      fetch: (url, init) => {
        const path = new URL(url).pathname;
        if (path === "/clob/time") return Promise.resolve(Response.json(TIME_S));
        asked.push(`${init.method} ${path}`);
        const headers = new Headers(init.headers);
        return Promise.resolve(answer({ method: init.method ?? "", path, headers, body: init.body }));
      },
    },
    clock: wallClock(),
    random: () => 0,
    retries: 0,
  });
  return { http, asked };
}

const ask = (answer: Answer, nonce = 0) =>
  fetchApiKey({ http: clientOf(answer).http, clob: CLOB, pair, nonce });

Deno.test("a key is made by POST without a body, with an L1 login at the venue's time that names its signer", async () => {
  const { http, asked } = clientOf(({ headers, body }) => {
    assert.equal(body, undefined);
    assert.equal(headers.get("content-type"), null);
    const auth = {
      address: headers.get("POLY_ADDRESS") ?? "",
      timestamp: headers.get("POLY_TIMESTAMP") ?? "",
      nonce: headers.get("POLY_NONCE") ?? "",
    };
    assert.deepEqual(auth, { address: pair.address, timestamp: String(TIME_S), nonce: "7" });
    assert.equal(clobAuthSigner(auth, headers.get("POLY_SIGNATURE") ?? ""), pair.address);
    return Response.json(CREDENTIALS);
  });
  const { secrets, created } = await fetchApiKey({ http, clob: CLOB, pair, nonce: 7 });
  assert.equal(created, true);
  assert.deepEqual(asked, ["POST /clob/auth/api-key"]);
  assert.equal(secrets.apiKey.reveal(), CREDENTIALS.apiKey);
  assert.equal(secrets.secret.reveal(), CREDENTIALS.secret);
  assert.equal(secrets.passphrase.reveal(), CREDENTIALS.passphrase);
  assert.ok(!Deno.inspect(secrets, { depth: 9, showHidden: true }).includes(CREDENTIALS.secret));
});

Deno.test("where the venue has one already (400) it is derived by GET", async () => {
  const { http, asked } = clientOf(({ method }) =>
    method === "POST"
      ? Response.json({ error: "Could not create api key" }, { status: 400 })
      : Response.json(CREDENTIALS)
  );
  assert.equal((await fetchApiKey({ http, clob: CLOB, pair, nonce: 0 })).created, false);
  assert.deepEqual(asked, ["POST /clob/auth/api-key", "GET /clob/auth/derive-api-key"]);
});

Deno.test("refusals of the venue have their codes and exit 4, faults exit 1; a lost POST is not repeated", async () => {
  const rows: [Answer, string, number][] = [
    [() => Response.json({ error: "Invalid L1 Request headers" }, { status: 401 }), "AUTH_REFUSED", 4],
    [() => Response.json({ error: "Could not derive api key!" }, { status: 400 }), "API_KEY_REFUSED", 4],
    [() => new Response("Attention Required! | Cloudflare", { status: 403 }), "GEO_BLOCKED", 4],
    [() => Response.json({ error: "oops" }, { status: 500 }), "HTTP_STATUS", 1],
    [() => new Response("{", { status: 200 }), "BAD_JSON", 1],
    [() => Response.json({ apiKey: "a" }), "BAD_JSON", 1],
    [() => Response.json([]), "BAD_JSON", 1],
  ];
  for (const [answer, code, exit] of rows) await assert.rejects(ask(answer), { code, exit }, code);
  const { http, asked } = clientOf(() => {
    throw new TypeError("connection reset");
  });
  await assert.rejects(fetchApiKey({ http, clob: CLOB, pair, nonce: 0 }), { code: "NETWORK" });
  assert.deepEqual(asked, ["POST /clob/auth/api-key"]);
});

Deno.test("an answer with half a credential, or one that repeats our login, is not quoted in the error", async () => {
  const half = JSON.stringify(CREDENTIALS).slice(0, -5);
  const answers: Answer[] = [
    () => new Response(half),
    () => Response.json({ ...CREDENTIALS, passphrase: 7 }),
    ({ headers }) =>
      Response.json({ error: `bad ${headers.get("POLY_SIGNATURE")}`.slice(0, 110) }, { status: 401 }),
    ({ headers }) => Response.json({ error: headers.get("POLY_SIGNATURE"), more: half }, { status: 400 }),
    ({ headers }) => Response.json({ error: headers.get("POLY_SIGNATURE"), more: half }, { status: 503 }),
  ];
  for (const answer of answers) {
    let signature = "";
    const error = await ask((request) => {
      signature = request.headers.get("POLY_SIGNATURE") ?? "";
      return answer(request);
    }).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof OperationError);
    const all = Deno.inspect(error, { depth: 10, showHidden: true });
    for (
      const planted of [CREDENTIALS.secret, CREDENTIALS.passphrase, signature.slice(2, 60), KEY.slice(2)]
    ) {
      assert.ok(!all.includes(planted), all);
    }
  }
});

async function withFolder(act: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const wrapped = {
  secrets: {
    apiKey: secret(CREDENTIALS.apiKey),
    secret: secret(CREDENTIALS.secret),
    passphrase: secret(CREDENTIALS.passphrase),
  },
  nonce: 3,
};

Deno.test("credentials come back from disk for their key and venue, encrypted, mode 0600, replaced on demand", async () => {
  await withFolder((folder) => {
    const path = apiCachePath(folder, pair.address, CLOB);
    assert.equal(path, join(folder, "keys", `${pair.address.toLowerCase()}.127.0.0.1-1.api.json`));
    assert.equal(loadApiCredentials(path, pair, CLOB), null);
    for (let round = 0; round < 2; round++) {
      saveApiCredentials({ path, pair, clob: CLOB, credentials: wrapped, random });
      const text = Deno.readTextFileSync(path);
      for (const plain of Object.values(CREDENTIALS)) assert.ok(!text.includes(plain));
      if (Deno.build.os !== "windows") assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
      const loaded = loadApiCredentials(path, pair, CLOB);
      assert.equal(loaded?.nonce, 3);
      assert.equal(loaded?.secrets.secret.reveal(), CREDENTIALS.secret);
      assert.equal(loaded?.secrets.passphrase.reveal(), CREDENTIALS.passphrase);
    }
  });
});

Deno.test("a cache that is torn, changed, or of another key or venue is API_CACHE_DAMAGED", async () => {
  await withFolder((folder) => {
    const path = apiCachePath(folder, pair.address, CLOB);
    saveApiCredentials({ path, pair, clob: CLOB, credentials: wrapped, random });
    const whole = Deno.readTextFileSync(path);
    const refused = (text: string, as = pair, clob = CLOB) => {
      Deno.writeTextFileSync(path, text);
      assert.throws(() => loadApiCredentials(path, as, clob), (error: unknown) => {
        assert.ok(error instanceof OperationError);
        assert.equal(error.code, "API_CACHE_DAMAGED");
        assert.ok(!Deno.inspect(error, { depth: 9 }).includes(CREDENTIALS.secret));
        return true;
      });
    };
    for (let length = 0; length < whole.trimEnd().length; length += 5) refused(whole.slice(0, length));
    const swap = (name: string) =>
      whole.replace(new RegExp(`"${name}":"(.)`), (all, c) => all.slice(0, -1) + (c === "0" ? "1" : "0"));
    for (const name of ["salt", "iv", "tag", "ciphertext"]) refused(swap(name));
    refused(whole.replace('"nonce":3', '"nonce":4'));
    refused(whole.replace("/1", "/2"));
    const other = parseKey(secret(`0x${"42".repeat(32)}`), "a test");
    refused(whole, other);
    refused(whole.replace(pair.address, other.address), other);
    refused(whole, pair, "https://clob.polymarket.com");
  });
});
