/** Scenarios with wrong words: bad destinations, bad amounts, two at once, one unfinished. Nothing is lost in any. */
import { FRIEND } from "../../../tests/commands/cash_stage.ts";
import { cashout, shares } from "./cases_healthy.ts";
import type { Hands, Moves, Scenario } from "./scenario.ts";

const OTHER = "0x8617E340B3D01FA5F11F306F4090FD50E238070D";
const SAFE_CODE = "0xd9Db270c1B5E3Bd161E8c8503c55cEABeE709552";
const PUSD_CODE = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB";

const to = (address: string, ...more: string[]): string[] => [
  ...["cashout", "--to", address, "--amount", "1", "--first-use", "--yes"],
  ...more,
];

/** One command that is refused, at an account that has an order and a complete set; neither is touched. */
function refused(
  name: string,
  key: Scenario["key"],
  argv: (hands: Hands) => readonly string[],
  exit: number,
  code: string,
): Scenario {
  return {
    name,
    key,
    async prepare(stage) {
      await shares("3", "3")(stage);
      await stage.rest(0.02, 10);
    },
    async act(hands) {
      await hands.run(argv(hands), exit, code);
      hands.expect([...hands.venue.exchange.state.open].length === 1, "the order is still open");
      return {};
    },
  };
}

const HUNDRED: Moves = { pusd: "-100", paidPusd: "100" };
const PUSD_WAY = cashout("--amount", "100", "--asset", "pusd");

const words: readonly Scenario[] = [
  refused("destination: a wrong checksum", 0, () => to(FRIEND.replace("98", "89")), 2, "DESTINATION_INVALID"),
  refused("destination: no checksum", 3, () => to(FRIEND.toLowerCase()), 2, "DESTINATION_INVALID"),
  refused("destination: cut short", 0, () => to(FRIEND.slice(0, 40)), 2, "DESTINATION_INVALID"),
  refused("destination: nobody's", 0, () => to(`0x${"0".repeat(40)}`), 2, "DESTINATION_INVALID"),
  refused("destination: the wallet itself", 2, ({ funder }) => to(funder), 2, "DESTINATION_INVALID"),
  refused("destination: a contract of the venue", 1, () => to(PUSD_CODE), 2, "DESTINATION_INVALID"),
  refused("destination: a contract", 0, () => to(SAFE_CODE), 3, "DESTINATION_CONTRACT"),
  refused(
    "destination: not on the allow list",
    3,
    () => to(FRIEND, "--set", `cashout.allow=${OTHER}`),
    3,
    "DESTINATION_NOT_ALLOWED",
  ),
  refused(
    "destination: new, and nobody confirms",
    0,
    () => ["cashout", "--to", FRIEND, "--amount", "1", "--yes"],
    3,
    "NOT_CONFIRMED",
  ),
  refused("amount: not a number", 0, () => cashout("--amount", "lots"), 2, "USAGE"),
  refused("amount: below a millionth", 0, () => cashout("--amount", "0.0000001"), 2, "USAGE"),
  refused(
    "unwrap: above the balance",
    3,
    () => ["unwrap", "--amount", "10000.000001", "--yes"],
    3,
    "FUNDS_INSUFFICIENT",
  ),
];

export const REFUSED: readonly Scenario[] = [
  ...words,
  {
    name: "cashout: above the balance",
    key: 0,
    async act({ run }) {
      await run(cashout("--amount", "10000.000001"), 3, "FUNDS_INSUFFICIENT");
      await run(cashout("--amount", "10000"), 0);
      return { pusd: "-10000", paidUsdce: "10000" };
    },
  },
  {
    name: "destination: on the allow list",
    key: 2,
    async act({ run }) {
      await run(
        ["cashout", "--to", FRIEND, "--amount", "1", "--yes", "--set", `cashout.allow=${FRIEND}`],
        0,
      );
      return { pusd: "-1", paidUsdce: "1" };
    },
  },
  ...([0, 3] as const).map((key): Scenario => ({
    name: "two cash-outs at once",
    key,
    async act(hands) {
      const both = await Promise.all([
        hands.cash([...PUSD_WAY, "--json"]),
        hands.cash([...PUSD_WAY, "--json"]),
      ]);
      const ends = both.map(({ code, envelope }) => `${code} ${envelope?.error?.code ?? ""}`.trim())
        .toSorted();
      hands.expect(ends.join() === "0,3 WALLET_IN_USE", `one works, one is refused: ${ends.join()}`);
      // The same once more shows the one that ended, with its steps.
      const data = await hands.run(PUSD_WAY, 0);
      hands.expect(data.repeated === true, "the same command again pays nothing");
      return HUNDRED;
    },
  })),
  {
    name: "the same command again; --again pays again",
    key: 1,
    async act({ expect, run }) {
      await run(PUSD_WAY, 0);
      expect((await run(PUSD_WAY, 0)).repeated === true, "it is the repetition");
      await run([...PUSD_WAY, "--again"], 0);
      return { pusd: "-200", paidPusd: "200" };
    },
  },
  {
    name: "another amount while one has not ended; --abandon",
    key: 0,
    async act({ crash, expect, run }) {
      // Right after the payment was signed.
      await crash(PUSD_WAY, 6);
      await run(cashout("--amount", "5"), 3, "CASHOUT_UNFINISHED");
      await run(["unwrap", "--amount", "5", "--yes"], 3, "CASHOUT_UNFINISHED");
      const { abandoned } = await run(["cashout", "--abandon", "--yes"], 0);
      expect(abandoned?.[0]?.paid === "100.000000", "what was under way has paid, and it is told");
      const data = await run(PUSD_WAY, 0);
      expect(data.repeated === true && data.steps?.length === 1, "the same command shows what it had paid");
      await run(cashout("--amount", "5", "--asset", "pusd"), 0);
      return { pusd: "-105", paidPusd: "105" };
    },
  },
];
