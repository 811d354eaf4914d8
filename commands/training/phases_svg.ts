/** The entropy of the collapse experiment as a small picture: a line a seed, the phases side by side. */
import type { PhasePoint } from "./proof.ts";

const WIDTH = 720;
const HEIGHT = 300;
const LEFT = 48;
const RIGHT = 16;
const TOP = 28;
const BOTTOM = 40;
const UNIFORM = Math.log(3);
const MAX = 1.2;
const COLORS = ["#2563eb", "#c2410c", "#0d9488", "#7c3aed", "#64748b"];

/** SVG text; the keys are seeds. */
export function phasesSvg(phases: Readonly<Record<string, readonly PhasePoint[]>>): string {
  const all = Object.values(phases);
  const updates = Math.max(1, ...all.map((points) => points.length));
  const border = all[0]?.filter(({ phase }) => phase === 1).length ?? 0;
  const x = (update: number) => LEFT + (WIDTH - LEFT - RIGHT) * (update - 0.5) / updates;
  const y = (entropy: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - entropy / MAX);
  const text = (at: number, to: number, words: string, anchor = "middle") =>
    `<text x="${at.toFixed(1)}" y="${to.toFixed(1)}" text-anchor="${anchor}">${words}</text>`;
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1].map((value) =>
    `<path d="M${LEFT} ${y(value).toFixed(1)}H${WIDTH - RIGHT}" stroke="#e2e8f0"/>` +
    text(LEFT - 8, y(value) + 4, value.toFixed(1), "end")
  );
  const updatesAt = Array.from({ length: Math.floor(updates / 12) }, (_, i) => 12 * (i + 1));
  const lines = Object.entries(phases).map(([seed, points], i) => {
    const path = points.map(({ update, entropy }, at) =>
      `${at === 0 ? "M" : "L"}${x(update).toFixed(1)} ${y(entropy).toFixed(1)}`
    ).join("");
    const color = COLORS[i % COLORS.length]!;
    return `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.6"><title>seed ${seed}</title></path>`;
  });
  const middle = (from: number, to: number) => (x(from + 0.5) + x(to + 0.5)) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="sans-serif"`,
    ` font-size="12" fill="#334155"><title>Entropy by update in both phases, one line a seed</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    ...ticks,
    `<path d="M${LEFT} ${y(UNIFORM).toFixed(1)}H${WIDTH - RIGHT}" stroke="#94a3b8" stroke-dasharray="4 4"/>`,
    `<path d="M${x(border + 0.5).toFixed(1)} ${TOP}V${HEIGHT - BOTTOM}" stroke="#94a3b8"/>`,
    text(middle(0, border), 18, "phase 1: shaped reward"),
    text(middle(border, updates), 18, "phase 2: profit at the close only"),
    ...updatesAt.map((update) => text(x(update), HEIGHT - BOTTOM + 18, String(update))),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "update (dashed: entropy of a uniform policy)"),
    ...lines,
    "</svg>\n",
  ].join("\n");
}
