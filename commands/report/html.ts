/** HTML text that cannot be broken out of: everything put into a template is escaped unless it is HTML already. */

/** A piece of finished HTML. Only `markup` and `trusted` make one. */
export interface Html {
  readonly html: string;
}

type Part = string | number | Html | null | readonly Part[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escapes text for element content and for quoted attributes. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string);

/** Marks text of our own as HTML. Never for anything that came from outside. */
export const trusted = (text: string): Html => ({ html: text });

function render(part: Part): string {
  if (part === null) return "";
  if (typeof part === "string") return escapeHtml(part);
  if (typeof part === "number") return String(part);
  if ("html" in part) return part.html;
  return part.map(render).join("");
}

/** Template tag: markup`<td>${slug}</td>` escapes `slug`; nested `markup` pieces and arrays of them pass as they are. White
 * space around the whole template is layout of the source and dropped. (Not named `html`, because the formatter rewrites
 * templates of that name, and with them their text.) */
export function markup(strings: TemplateStringsArray, ...parts: Part[]): Html {
  let text = (strings[0] ?? "").replace(/^\n\s*/, "");
  for (let i = 0; i < parts.length; i++) text += render(parts[i] as Part) + (strings[i + 1] ?? "");
  return { html: text.replace(/\n\s+$/, "") };
}

/**
 * JSON for a `<script type="application/json">`. `<` is written as an escape, so neither `</script>` nor `<!--` can
 * occur; the two line separators that older parsers refuse are escaped as well.
 */
export const embedJson = (value: unknown): Html =>
  trusted(
    JSON.stringify(value).replace(/[<\u2028\u2029]/g, (character) =>
      `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );
