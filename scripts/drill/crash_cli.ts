/** The share of the crash drill that goes through the real command line: `trade --live`, armed as a person would. */
import type { CrashPlan } from "./crash_plan.ts";
import type { StackAccount } from "./live_stack.ts";

const CONFIG = `live = true

[sizing]
usdc = "5"

[risk]
maxPositionPerMarketUsdc = "500"
maxTotalExposureUsdc = "2000"
`;
const FIRST_ORDER_WITHIN_MS = 60_000;
const MAX_ATTEMPTS = 10;

export interface CliOptions {
  readonly port: number;
  readonly folder: string;
  readonly account: StackAccount;
}

const main = new URL("../../main.ts", import.meta.url).pathname;

function spawn({ port, folder, account }: CliOptions, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "--no-check", "-P=cli", main, ...args],
      ...["--venue", `sim:${port}`, "--data", folder, "--config", `${folder}/drill.toml`],
      ...["--asset", "btc", "--duration", "5m"],
    ],
    env: { POLY_PRIVATE_KEY: account.key, POLY_SIGNATURE_TYPE: String(account.signatureType) },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

/** `trade --live` on one account. */
export class CommandLine {
  private constructor(private readonly options: CliOptions) {}

  /** Writes the limits down and lets `doctor` pass the account. Throws when it does not. */
  static async arm(options: CliOptions): Promise<CommandLine> {
    await Deno.writeTextFile(`${options.folder}/drill.toml`, CONFIG);
    const doctor = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-q", "--no-prompt", "--no-check", "-P=cli", main, "doctor", "--fix"],
        ...["--venue", `sim:${options.port}`, "--data", options.folder],
        ...["--config", `${options.folder}/drill.toml`],
      ],
      env: {
        POLY_PRIVATE_KEY: options.account.key,
        POLY_SIGNATURE_TYPE: String(options.account.signatureType),
      },
      stdin: "null",
    });
    for (let attempt = 1;; attempt++) {
      const { code, stdout, stderr } = await doctor.output();
      if (code === 0) return new CommandLine(options);
      const text = new TextDecoder();
      const said = `${text.decode(stdout)} ${text.decode(stderr)}`;
      // Deadlines of the wall, on a machine that has no time.
      if (attempt >= MAX_ATTEMPTS || !said.includes("VENUE_UNREACHABLE")) {
        throw new Error(`doctor ended with ${code}: ${said}`);
      }
    }
  }

  /**
   * Starts it and kills it `plan.killMs` after the venue saw its first order. True when there was such an order; one that
   * never came is killed all the same.
   */
  async killAfterFirstOrder(plan: CrashPlan, seen: () => number, seed: number): Promise<boolean> {
    for (let attempt = 1;; attempt++) {
      try {
        return await this.once(plan, seen, seed);
      } catch (error) {
        // A machine too busy for the venue's speed: it refused to trade, as it should.
        if (attempt >= MAX_ATTEMPTS || !String(error).includes("RECONCILE_INCOMPLETE")) throw error;
      }
    }
  }

  private async once(plan: CrashPlan, seen: () => number, seed: number): Promise<boolean> {
    const child = spawn(this.options, [
      ...["trade", "--live", "--yes", "--strategy", "random", "--seed", String(seed + plan.run)],
      ...["--set", "risk.maxSignalAgeMs=10000", "--set", "risk.maxConsecutiveLosses=1000"],
      ...["--set", "kill.maxLatencyMs=60000", "--set", "kill.maxApiErrorsPerMinute=10000"],
      ...["--set", "kill.maxDrawdownFraction=0.99", "--set", "kill.maxUnrealisedLossUsdc=9000"],
    ]);
    let errors = "";
    const reading = (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        if (errors.length < 4_000) errors += text;
      }
    })();
    let code: number | null = null;
    const ended = child.status.then((status) => void (code = status.code));
    const before = seen();
    const until = performance.now() + FIRST_ORDER_WITHIN_MS;
    while (code === null && seen() === before && performance.now() < until) await pause(10);
    const traded = seen() > before;
    if (code === null) await Promise.race([ended, pause(plan.killMs)]);
    if (code !== null) throw new Error(`trade --live ended with ${code}: ${errors.slice(0, 800)}`);
    child.kill("SIGKILL");
    await ended;
    await reading;
    return traded;
  }
}

const pause = (wallMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, wallMs));
