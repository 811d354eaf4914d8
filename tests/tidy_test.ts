/**
 * The house rules that a compiler does not know: which room may import which, what the core may touch, how large a
 * file grows, what words do not belong here, and that every code and command is where people look for it.
 */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { COMMANDS } from "../commands/registry.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const SKIPPED = new Set([".git", "node_modules", "coverage", ".paper"]);
const MAX_LINES = 600;

interface Source {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text without comments. */
  readonly code: string;
}

function* walk(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    if (SKIPPED.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* walk(path);
    else if (entry.isFile) yield relative(ROOT, path).replaceAll("\\", "/");
  }
}

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");

const allFiles = [...walk(ROOT)].sort();
const sources: readonly Source[] = allFiles.filter((path) => path.endsWith(".ts")).map((path) => {
  const text = Deno.readTextFileSync(join(ROOT, path));
  return { path, text, code: withoutComments(text) };
});

/** Text files that people read or programs run; recorded data is not ours to spell. */
const proseFiles = allFiles.filter((path) =>
  /(\.(ts|md|json|toml|yml|yaml|css|html|js|mjs|sh)|^\.ci\/run|^\.env\.example|LICENSE)$/.test(path) &&
  !path.startsWith("fixtures/frames/") && path !== "deno.lock"
);

/** Import specifiers of a module, relative ones resolved to paths from the root. */
function importsOf({ path, code }: Source): string[] {
  const found = code.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)"([^"]+)"/gm);
  return [...found].map(([, specifier = ""]) =>
    specifier.startsWith(".") ? join(dirname(path), specifier).replaceAll("\\", "/") : specifier
  );
}

/** Rooms a room may import from. Those not listed (tests, bench) may import anything. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["commands"],
  commands: ["commands", "feeds", "models", "fixtures", "core", "deno.json"],
  feeds: ["feeds", "core"],
  models: ["models", "core"],
  fixtures: ["fixtures", "core"],
  core: ["core"],
};
const roomOf = (path: string): string => path.split("/")[0] ?? path;

Deno.test("imports point one way: main -> commands -> feeds, models, fixtures -> core", () => {
  assert.ok(sources.length > 20);
  const wrong: string[] = [];
  for (const source of sources) {
    const allowed = ARROWS[roomOf(source.path)];
    if (allowed === undefined) continue;
    for (const target of importsOf(source)) {
      const local = sources.some(({ path }) => path === target) ||
        /^(\w+\/|deno\.json|main\.ts)/.test(target);
      if (local && !target.includes(":") && isRoom(target) && !allowed.includes(roomOf(target))) {
        wrong.push(`${source.path} imports ${target}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

/** A path inside the repository rather than a package such as "csv-parse/sync". */
const isRoom = (target: string): boolean =>
  [...Object.keys(ARROWS), "tests", "bench", "deno.json"].includes(roomOf(target));

Deno.test("core imports nothing but core: no runtime module, no package", () => {
  const wrong = sources.filter(({ path }) => path.startsWith("core/")).flatMap((source) =>
    importsOf(source).filter((target) => !target.startsWith("core/")).map((target) =>
      `${source.path}: ${target}`
    )
  );
  assert.deepEqual(wrong, []);
});

Deno.test("core has no clock, no chance, no timer, no network, no process of its own", () => {
  const forbidden =
    /\b(Date\.now|Math\.random|setTimeout|setInterval|queueMicrotask|performance\.now|fetch\s*\(|WebSocket|Deno\.|crypto\.)|new Date\(\s*\)/;
  const wrong = sources.filter(({ path }) => path.startsWith("core/")).flatMap(({ path, code }) =>
    code.split("\n").filter((line) => forbidden.test(line)).map((line) => `${path}: ${line.trim()}`)
  );
  assert.deepEqual(wrong, []);
});

Deno.test("no module imports itself, however long the way round", () => {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) {
      cycles.push([...way.slice(way.indexOf(path)), path].join(" -> "));
      return;
    }
    const source = byPath.get(path);
    if (done.has(path) || source === undefined) return;
    for (const target of importsOf(source)) visit(target, [...way, path]);
    done.add(path);
  };
  for (const { path } of sources) visit(path, []);
  assert.deepEqual(cycles, []);
});

Deno.test(`no source file is longer than ${MAX_LINES} lines; names are snake_case`, () => {
  const long = sources.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES).map(({ path, lines }) => `${path}: ${lines}`);
  assert.deepEqual(long, []);
  const names = sources.map(({ path }) => path).filter((path) =>
    !/^([a-z0-9_.]+\/)*[a-z0-9_]+(\.d)?\.ts$/.test(path)
  );
  assert.deepEqual(names, []);
});

Deno.test("the repository holds no absolute workplace path, no registry host, no unfinished-work mark", () => {
  // Spelt in pieces, so that this file passes its own test.
  const forbidden = [
    new RegExp(`(^|[^\\w.~/-])/(${["wo" + "rk", "fa" + "rm", "ro" + "ot"].join("|")})/`),
    new RegExp(
      `\\bregis${"try"}\\.[a-z0-9-]+\\.|\\b(verdac${"cio"}|npm${"mirror"}|artifac${"tory"})\\b`,
      "i",
    ),
    new RegExp(`\\b(TO${"DO"}|FIX${"ME"}|XX${"X"})\\b`),
  ];
  const wrong: string[] = [];
  for (const path of proseFiles) {
    Deno.readTextFileSync(join(ROOT, path)).split("\n").forEach((line, at) => {
      if (forbidden.some((pattern) => pattern.test(line))) {
        wrong.push(`${path}:${at + 1}: ${line.trim().slice(0, 120)}`);
      }
    });
  }
  assert.ok(proseFiles.length > 20);
  assert.deepEqual(wrong, []);
});

Deno.test("every test file is named x_test.ts and lies under tests/", () => {
  const stray = sources.filter(({ path, code }) =>
    /\bDeno\.test\(/.test(code) && !/^tests\/.*_test\.ts$/.test(path)
  );
  assert.deepEqual(stray.map(({ path }) => path), []);
});

Deno.test("every command module is in the registry", () => {
  const registry = sources.find(({ path }) => path === "commands/registry.ts");
  assert.ok(registry);
  const listed = importsOf(registry);
  const commands = sources.filter(({ path, code }) =>
    path.startsWith("commands/") && /export function register\(/.test(code)
  );
  assert.ok(commands.length > 0);
  assert.deepEqual(commands.map(({ path }) => path).filter((path) => !listed.includes(path)), []);
});

Deno.test("README.md has a row for every command that exists, and for no other", () => {
  const program = new Command();
  for (const register of COMMANDS) register(program);
  const readme = Deno.readTextFileSync(join(ROOT, "README.md"));
  const section = readme.slice(readme.indexOf("| command"), readme.indexOf("Each command explains itself"));
  const rows = [...section.matchAll(/^\|\s*`([a-z-]+)`\s*\|/gm)].map(([, name = ""]) => name);
  assert.deepEqual(rows.sort(), program.commands.map((command) => command.name()).sort());
});

const product = sources.filter(({ path }) => !/^(tests|bench)\//.test(path));
const codesPage = Deno.readTextFileSync(join(ROOT, "docs/codes.md"));
const documented = [...codesPage.matchAll(/^\|\s*`([A-Z][A-Z0-9_]*)`\s*\|/gm)].map(([, code = ""]) => code);

const settingsPage = Deno.readTextFileSync(join(ROOT, "docs/configuration.md"));
/** Upper-case words that are neither codes of ours nor variables we read. */
const FOREIGN = new Set(["Z_BUF_ERROR", "LIST_SUBSCRIPTIONS"]);

Deno.test("every code in the source is listed in docs/codes.md, every variable in docs/configuration.md", () => {
  const missing: string[] = [];
  for (const { path, code } of product) {
    // The simulated venue speaks the exchanges' own upper-case words; there only the field tells a code of ours.
    const literal = /"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g;
    const words = path.startsWith("fixtures/")
      ? []
      : [...code.matchAll(literal)].map(([, word = ""]) => word);
    // So it does for codes of a single word.
    for (const [, expression = ""] of code.matchAll(/\bcode:\s*([^,;}\n]+)/g)) {
      words.push(...[...expression.matchAll(/"([A-Z][A-Z0-9_]+)"/g)].map(([, word = ""]) => word));
    }
    for (const word of new Set(words)) {
      const listed = documented.includes(word) || new RegExp(`\\b${word}\\b`).test(settingsPage);
      if (!listed && !FOREIGN.has(word)) missing.push(`${word} (${path})`);
    }
  }
  assert.deepEqual(missing, []);
});

Deno.test("every code of docs/codes.md exists in the source, and none is listed twice in a section", () => {
  const dead = documented.filter((code) =>
    !product.some((source) => new RegExp(`\\b${code}\\b`).test(source.code))
  );
  assert.deepEqual(dead, []);
  for (const section of codesPage.split(/^## /m)) {
    const rows = [...section.matchAll(/^\|\s*`([A-Z][A-Z0-9_]*)`\s*\|/gm)].map(([, code]) => code);
    assert.equal(new Set(rows).size, rows.length, section.split("\n")[0]);
  }
  for (const title of ["Exit codes", "Error codes", "Gate reason codes", "Order reject codes", "Warnings"]) {
    assert.ok(codesPage.includes(`## ${title}\n`), title);
  }
});

Deno.test("every dependency is used by the source and has its reason in README.md", () => {
  const manifest = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json"))) as {
    imports: Record<string, string>;
  };
  const used = new Set(sources.flatMap(importsOf));
  const readme = Deno.readTextFileSync(join(ROOT, "README.md"));
  for (const [name, target] of Object.entries(manifest.imports)) {
    const bare = name.replace(/\/$/, "");
    const isUsed = [...used].some((specifier) => specifier === bare || specifier.startsWith(`${bare}/`));
    assert.ok(isUsed, `${name} is imported nowhere`);
    assert.ok(readme.includes(`\`${bare}\``), `README.md gives no reason for ${bare}`);
    assert.match(target, /@\d+\.\d+\.\d+(-[\w.]+)?\/?$/, `${name} has no exact version`);
  }
});
