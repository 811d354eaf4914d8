import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { Wallet } from "ethers";
import { OperationError } from "../../../core/errors.ts";
import { openToOthers, replaceFile } from "../../../feeds/keys/files.ts";
import {
  createKeystore,
  keystoreAddress,
  keystorePath,
  newKey,
  openKeystore,
  parseKey,
} from "../../../feeds/keys/keystore.ts";
import { Secret, secret } from "../../../feeds/keys/secret.ts";

const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const PASSPHRASE = secret("correct horse battery");
const pair = parseKey(secret(KEY), "a test");
const posix = Deno.build.os !== "windows";

async function withFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const make = (path: string, passphrase = PASSPHRASE) =>
  createKeystore({ path, pair, passphrase, scryptN: 1024 });

/** The error that `act` throws; nothing in it, its stack or its causes holds a secret. */
async function refusal(act: () => unknown): Promise<OperationError> {
  try {
    await act();
  } catch (error) {
    assert.ok(error instanceof OperationError, String(error));
    const all = Deno.inspect(error, { depth: 10, showHidden: true });
    for (const planted of [KEY.slice(2), PASSPHRASE.reveal(), "wrong horse battery"]) {
      assert.ok(!all.toLowerCase().includes(planted), all);
    }
    return error;
  }
  throw new Error("nothing was refused");
}

Deno.test("a keystore gives its key back, to us and to ethers, and states its address in the clear", async () => {
  await withFolder(async (folder) => {
    const path = keystorePath(folder, "hot");
    assert.equal(path, join(folder, "keys", "hot.json"));
    await make(path);
    const text = await Deno.readTextFile(path);
    assert.ok(!text.toLowerCase().includes(KEY.slice(2)));
    assert.equal(keystoreAddress(path), OWNER);
    const opened = await openKeystore(path, PASSPHRASE);
    assert.equal(opened.key.reveal(), KEY);
    assert.equal(opened.address, OWNER);
    assert.equal((await Wallet.fromEncryptedJson(text, PASSPHRASE.reveal())).privateKey, KEY);
  });
});

Deno.test("a keystore written by ethers opens here", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "other.json");
    await Deno.writeTextFile(path, new Wallet(KEY).encryptSync("p"));
    assert.equal((await openKeystore(path, secret("p"))).key.reveal(), KEY);
  });
});

Deno.test({
  name: "keystore and folder belong to their owner alone, whatever the umask; a wider mode is noticed",
  ignore: !posix,
  async fn() {
    await withFolder(async (folder) => {
      const before = Deno.umask(0);
      try {
        const path = keystorePath(folder, "hot");
        await make(path);
        assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
        assert.equal((Deno.statSync(dirname(path)).mode ?? 0) & 0o777, 0o700);
        assert.equal(openToOthers(path), null);
        for (const mode of [0o640, 0o604, 0o666]) {
          Deno.chmodSync(path, mode);
          assert.equal(openToOthers(path), mode.toString(8).padStart(4, "0"));
        }
        replaceFile(path, "again");
        assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
      } finally {
        Deno.umask(before);
      }
    });
  },
});

Deno.test("a keystore is never overwritten, not by two writers at once, and nothing is left lying about", async () => {
  await withFolder(async (folder) => {
    const path = keystorePath(folder, "hot");
    const results = await Promise.allSettled([make(path), make(path), make(path)]);
    const refused = results.filter((result) => result.status === "rejected");
    assert.equal(refused.length, 2);
    for (const { reason } of refused) {
      assert.equal(reason.code, "KEY_FILE_EXISTS");
      assert.equal(reason.exit, 2);
    }
    assert.deepEqual([...Deno.readDirSync(dirname(path))].map(({ name }) => name), ["hot.json"]);
    assert.equal((await openKeystore(path, PASSPHRASE)).address, OWNER);
    await Deno.writeTextFile(path, "mine");
    assert.equal((await refusal(() => make(path))).code, "KEY_FILE_EXISTS");
    assert.equal(await Deno.readTextFile(path), "mine");
  });
});

Deno.test("a wrong passphrase is PASSPHRASE_WRONG with exit 2 and names neither passphrase", async () => {
  await withFolder(async (folder) => {
    const path = keystorePath(folder, "hot");
    await make(path);
    for (const wrong of ["wrong horse battery", "", "Correct horse battery"]) {
      const error = await refusal(() => openKeystore(path, secret(wrong)));
      assert.equal(error.code, "PASSPHRASE_WRONG");
      assert.equal(error.exit, 2);
      assert.equal(error.cause, undefined);
    }
  });
});

Deno.test("a keystore torn at any byte is refused, never opened to another key", async () => {
  await withFolder(async (folder) => {
    const path = keystorePath(folder, "hot");
    await make(path);
    const whole = (await Deno.readTextFile(path)).trimEnd();
    for (let length = 0; length < whole.length; length++) {
      await Deno.writeTextFile(path, whole.slice(0, length));
      const error = await refusal(() => openKeystore(path, PASSPHRASE));
      assert.equal(error.code, "KEYSTORE_DAMAGED", String(length));
      assert.equal(error.exit, 1);
    }
  });
});

Deno.test("a changed ciphertext, MAC, address, cost or shape is refused", async () => {
  await withFolder(async (folder) => {
    const path = keystorePath(folder, "hot");
    await make(path);
    const whole = await Deno.readTextFile(path);
    const changes: [string, RegExp, string][] = [
      ["PASSPHRASE_WRONG", /"ciphertext":"[0-9a-f]{4}/, '"ciphertext":"0000'],
      ["PASSPHRASE_WRONG", /"mac":"[0-9a-f]{4}/, '"mac":"0000'],
      ["KEYSTORE_DAMAGED", /"address":"[0-9a-f]{40}/, `"address":"${"1".repeat(40)}`],
      ["KEYSTORE_DAMAGED", /"address":"[0-9a-f]{40}"/, '"address":7'],
      ["KEYSTORE_DAMAGED", /"n":1024/, '"n":1099511627776'],
      ["KEYSTORE_DAMAGED", /"n":1024/, '"n":"1024"'],
      ["KEYSTORE_DAMAGED", /"version":3/, '"version":2'],
      ["KEYSTORE_DAMAGED", /"cipher":"aes-128-ctr"/, '"cipher":"rot13"'],
      ["KEYSTORE_DAMAGED", /^[\s\S]*$/, "[]"],
      ["KEYSTORE_DAMAGED", /^[\s\S]*$/, "null"],
    ];
    for (const [code, what, by] of changes) {
      const changed = whole.replace(what, by);
      assert.notEqual(changed, whole);
      await Deno.writeTextFile(path, changed);
      assert.equal((await refusal(() => openKeystore(path, PASSPHRASE))).code, code, by);
    }
  });
});

Deno.test("no keystore, a folder in its place, a name with a path in it, a short passphrase: each refused", async () => {
  await withFolder(async (folder) => {
    assert.equal(
      (await refusal(() => keystoreAddress(keystorePath(folder, "none")))).code,
      "KEYSTORE_NOT_FOUND",
    );
    assert.equal((await refusal(() => keystoreAddress(folder))).code, "KEY_FILE_UNREADABLE");
    for (const name of ["../hot", "a/b", "", "a b", "x".repeat(41), "hot.json"]) {
      assert.equal((await refusal(() => keystorePath(folder, name))).code, "USAGE", name);
    }
    const weak = await refusal(() => make(keystorePath(folder, "hot"), secret("seven77")));
    assert.equal(weak.code, "PASSPHRASE_WEAK");
  });
});

Deno.test({
  name: "a folder that may not be written is KEY_FILE_UNWRITABLE",
  ignore: !posix,
  async fn() {
    await withFolder(async (folder) => {
      await Deno.writeTextFile(join(folder, "keys"), "a file where the folder should be");
      assert.equal((await refusal(() => make(keystorePath(folder, "hot")))).code, "KEY_FILE_UNWRITABLE");
    });
  },
});

Deno.test("keys are read with and without 0x, and refused without being quoted", async () => {
  for (const text of [KEY, KEY.slice(2), KEY.toUpperCase().replace("0X", "0x"), `  ${KEY}\n`]) {
    const read = parseKey(secret(text), "a test");
    assert.equal(read.key.reveal(), KEY);
    assert.equal(read.address, OWNER);
  }
  const bad = [
    "",
    "0x",
    KEY.slice(0, -1),
    `${KEY}0`,
    "test test test test test test test test test test test junk",
    `0x${"0".repeat(64)}`,
    "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
    `0x${"f".repeat(64)}`,
    KEY.replace("a", "g"),
  ];
  for (const text of bad) {
    const error = await refusal(() => parseKey(new Secret(text), "POLY_PRIVATE_KEY"));
    assert.equal(error.code, "KEY_INVALID");
    assert.ok(text.length < 8 || !Deno.inspect(error).includes(text.slice(2)), text);
  }
});

Deno.test("a new key is the random bytes drawn, drawn again while they are no key", () => {
  const draws = [new Uint8Array(32), new Uint8Array(32).fill(0xff), Uint8Array.fromHex(KEY.slice(2))];
  const made = newKey((into) => into.set(draws.shift() ?? new Uint8Array(32)));
  assert.equal(made.key.reveal(), KEY);
  assert.equal(made.address, OWNER);
  assert.equal(draws.length, 0);
});
