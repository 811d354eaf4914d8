/** Go or no-go: the criteria as a table of met and not met, with the numbers. */
import { claimed } from "./claims.ts";
import { markup } from "./html.ts";
import type { BacktestReport } from "./model.ts";
import { lead, type Section, table, toned } from "./parts.ts";

const TONES = { "met": "gain", "not met": "loss", "not measured": "dim" } as const;

export function goSection(model: BacktestReport): Section {
  const blocks = claimed(model).map(({ strategy, claims: { go } }) =>
    markup`<h3>${strategy.name}: ${go.go ? "go" : "no-go"}</h3>${
      table(
        [
          { label: "State", kind: "plain" },
          { label: "Criterion", kind: "plain" },
          { label: "Required", kind: "plain" },
          { label: "Value", kind: "text" },
        ],
        go.criteria.map(({ name, required, value, state }) => [
          toned(state, TONES[state]),
          name,
          required,
          value,
        ]),
        "No criterion was looked at.",
      )
    }`
  );
  return {
    id: "go",
    title: "Go or no-go",
    content: markup`${
      lead("Every criterion must be met before real money is sent. What is not measured is not met.")
    }${blocks.length === 0 ? markup`<p class="empty">No strategy was run.</p>` : blocks}`,
  };
}
