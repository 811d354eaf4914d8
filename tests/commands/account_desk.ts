/** The program at a simulated venue with an account whose orders the test places: what it prints must hold no secret. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Terminal } from "../../feeds/keys/prompt.ts";
import { type Desk, withDesk } from "../feeds/order_entry/desk.ts";
import { poly, type Ran } from "../cli/harness.ts";
import { TEST_KEYS } from "../venue/official.ts";
import type { KeyIndex } from "../venue/stage.ts";
import type { VenueOptions } from "../../fixtures/venue/venue.ts";

export interface AccountDesk extends Desk {
  readonly data: string;
  /** Environment of the account's key. */
  readonly env: Readonly<Record<string, string>>;
  /** API credentials and address, without the key. */
  readonly apiEnv: Readonly<Record<string, string>>;
  /** Runs `poly-edge ...`. */
  cli(
    argv: string[],
    more?: { env?: Readonly<Record<string, string>>; terminal?: Terminal; signal?: AbortSignal },
  ): Promise<Ran>;
  /** Places a resting purchase of Up and returns its hash. */
  rest(price: number, size: number): Promise<string>;
  /** Buys Up at once, at any price; venue time runs meanwhile. The trade is matched, not confirmed. */
  buy(size: number): Promise<string>;
}

async function place(desk: Desk, price: number, size: number): Promise<string> {
  const { body, hash } = desk.order(price, size);
  const call = desk.entry.submit(body, { postOnly: false });
  assert.ok(call.sent);
  const { reply } = await desk.run(call.reply);
  assert.equal(reply?.status, 200, JSON.stringify(reply?.body));
  return hash;
}

export async function withAccountDesk(
  options: Partial<VenueOptions> & { readonly key?: KeyIndex },
  act: (desk: AccountDesk) => Promise<void>,
): Promise<void> {
  const data = await Deno.makeTempDir();
  const key = options.key ?? 0;
  try {
    await withDesk(options, async (desk) => {
      const { apiKey, passphrase, secret } = desk.secrets;
      const planted = [TEST_KEYS[key].slice(2), secret.reveal(), passphrase.reveal()];
      const common = { POLY_SIGNATURE_TYPE: String(key) };
      const env = { ...common, POLY_PRIVATE_KEY: TEST_KEYS[key] };
      await act({
        ...desk,
        data,
        env,
        apiEnv: {
          ...common,
          POLY_API_KEY: apiKey.reveal(),
          POLY_API_SECRET: secret.reveal(),
          POLY_API_PASSPHRASE: passphrase.reveal(),
        },
        async cli(argv, more = {}) {
          const log = join(data, "log.jsonl");
          const globals = ["--venue", desk.http, "--data", data, "--log-level", "debug", "--log-file", log];
          const ran = await poly([...argv, ...globals], {
            env: more.env ?? env,
            ...(more.terminal === undefined ? {} : { terminal: more.terminal }),
            ...(more.signal === undefined ? {} : { signal: more.signal }),
          });
          const text = ran.out + ran.err + await Deno.readTextFile(log).catch(() => "");
          for (const value of planted) assert.ok(!text.includes(value), `${argv[0]} wrote a secret`);
          assert.ok(!text.includes("[REDACTED]"), `${argv[0]}: a secret had to be filtered out`);
          return ran;
        },
        rest: (price, size) => place(desk, price, size),
        async buy(size) {
          const { ask } = await desk.book(desk.market5m.up);
          return await place(desk, Math.min(0.96, Math.round((ask + 0.03) * 100) / 100), size);
        },
      });
    });
  } finally {
    await Deno.remove(data, { recursive: true });
  }
}
