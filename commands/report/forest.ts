/** Results with their intervals on one scale, one below the other. */
import { decimal, signedMoney } from "./format.ts";
import { type Html, markup } from "./html.ts";
import type { Amount } from "./model.ts";

/** Rows without an amount are left out; null when none is left. */
export function forest(title: string, amounts: readonly Amount[], caption: string): Html | null {
  const drawn = amounts.flatMap(({ name, pnl, ci95 }) =>
    pnl === null || ci95 === null
      ? []
      : [{ name, pnl: pnl as number, ci95: ci95 as readonly [number, number] }]
  );
  if (drawn.length === 0) return null;
  const ends = drawn.flatMap(({ pnl, ci95 }) => [...ci95, pnl, 0]);
  const low = Math.min(...ends);
  const width = Math.max(1, Math.max(...ends) - low);
  const at = (value: number): string => `${decimal(2 + 96 * (value - low) / width, 2)}%`;
  const rows = drawn.map(({ name, pnl, ci95: [from, to] }) => {
    const length = `${decimal(Math.max(0.2, 96 * (to - from) / width), 2)}%`;
    return markup`
      <div>${name}</div>
      <div class="track">
        <div class="zero" style="left:${at(0)}"></div>
        <div class="range" style="left:${at(from)};width:${length}"></div>
        <div class="point" style="left:${at(pnl)}"></div>
        <div class="figures">${signedMoney(pnl)} (${signedMoney(from)} to ${signedMoney(to)})</div>
      </div>
    `;
  });
  return markup`
    <h3>${title}</h3>
    <div class="forest">${rows}</div>
    <p class="caption">${caption}</p>
  `;
}
