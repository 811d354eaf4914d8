/** The command that makes a training again, for the model's card. */
import { MARKET_PPO, type TrainSettings } from "./settings.ts";

/** Settings that differ from what `train` begins with; text settings have no flag. */
function ppoFlags({ ppo }: TrainSettings): string[] {
  const different = Object.entries(ppo).filter(([name, value]) =>
    typeof value !== "object" && typeof value !== "string" && value !== MARKET_PPO[name as keyof typeof ppo]
  );
  return different.length === 0 ? [] : ["--ppo", different.map(([name, value]) => `${name}=${value}`).join()];
}

/** `poly-edge train ...` for these settings; tapes by their names. The configuration is the default one where it says nothing. */
export function commandOf(settings: TrainSettings, steps: number): string {
  const { source, rows, decideEveryMs, reward, observation, network, seed } = settings;
  const from = source.kind === "tape"
    ? ["--tape", ...source.names.map((name) => name.replace(/ \(\d+ events\)$/, ""))].concat(
      "--judge-share",
      String(source.judgeShare),
    )
    : [
      ...["--asset", source.market.assets.join(), "--duration", source.market.duration],
      ...["--lag", source.market.lagMs === 0 ? "0" : `${source.market.lagMs}ms`],
      ...["--signal", String(source.market.signal), "--hours", String(source.market.hours)],
    ];
  return [
    ...["poly-edge", "train", ...from],
    ...["--steps", String(steps), "--rows", String(rows), "--every", `${decideEveryMs}ms`],
    ...["--reward", reward, "--observation", observation, "--network", network],
    ...ppoFlags(settings),
    ...["--seed", String(seed)],
  ].join(" ");
}
