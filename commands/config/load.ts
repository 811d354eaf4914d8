/**
 * Merges defaults, file, profile, environment and flags into one checked configuration and remembers, for each key,
 * where its value came from. Precedence: flag, environment, profile, file, default.
 */
import { parse as parseToml, TomlError } from "smol-toml";
import { OperationError } from "../../core/errors.ts";
import {
  isKnownKey,
  isSection,
  KEYS,
  nearestKey,
  OPEN_KEY,
  valueFromText,
  VARIABLE_ALIASES,
  variableOf,
} from "./keys.ts";
import { configCandidates, defaultDataDir, userPath } from "./paths.ts";
import { type Config, configSchema } from "./schema.ts";

export interface Origin {
  readonly source: "default" | "file" | "profile" | "environment" | "flag";
  /** What a person would look for: a file, a variable, a flag; empty for defaults. */
  readonly name: string;
}

/** A command-line flag that sets a key: `{ path: "venue", text: "sim", flag: "--venue" }`. */
export interface FlagValue {
  readonly path: string;
  readonly text: string;
  readonly flag: string;
}

export interface ConfigRequest {
  /** `--config`; else POLY_EDGE_CONFIG; else the usual places. */
  readonly file?: string;
  /** `--profile`; else POLY_EDGE_PROFILE. */
  readonly profile?: string;
  /** Later ones win. */
  readonly flags: readonly FlagValue[];
  readonly env: (name: string) => string | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Key path -> where its value came from, in schema order; one entry per key and strategy parameter. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly values: ReadonlyMap<string, unknown>;
  /** Absolute; null when no file was found. */
  readonly file: string | null;
  readonly profile: string | null;
  /** Places looked at when no file was named. */
  readonly searched: readonly string[];
  /** Absolute data folder. */
  readonly dataDir: string;
}

type Layer = Map<string, { readonly value: unknown; readonly origin: Origin }>;

const DEFAULT: Origin = { source: "default", name: "" };

function invalid(message: string, hint: string, details: Record<string, unknown>): OperationError {
  return new OperationError({ code: "CONFIG_INVALID", message, hint, details, exit: 2 });
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

function unknownKey(path: string, origin: Origin): OperationError {
  const near = nearestKey(path);
  return invalid(
    `Cannot use ${path} as a configuration key: it does not exist (${origin.name})`,
    near === null
      ? "Remove it, or see docs/configuration.md for the keys that exist."
      : `Did you mean ${near}? Rename it or remove it in ${origin.name}.`,
    { key: path, from: origin.name, ...(near === null ? {} : { nearest: near }) },
  );
}

/** Leaves of a parsed TOML table. Throws CONFIG_INVALID at the first key the schema does not know. */
function tableLayer(
  tree: Record<string, unknown>,
  origin: Origin,
  prefix = "",
  into: Layer = new Map(),
): Layer {
  for (const [name, value] of Object.entries(tree)) {
    if (prefix === "" && name === "profile") continue;
    const path = prefix === "" ? name : `${prefix}.${name}`;
    if (isKnownKey(path)) into.set(path, { value, origin });
    else if (!isSection(path)) throw unknownKey(path, origin);
    else if (isTable(value)) tableLayer(value, origin, path, into);
    else {
      throw invalid(
        `Cannot use ${path} as a section: current value is ${shown(value)} (${origin.name})`,
        `Write it as a table: [${path}]`,
        { key: path, from: origin.name },
      );
    }
  }
  return into;
}

function readFile(path: string, named: boolean): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      if (!named) return null;
      throw new OperationError({
        code: "CONFIG_NOT_FOUND",
        message: `Cannot read ${path} as the configuration: the file does not exist`,
        hint: "Check --config or POLY_EDGE_CONFIG; poly-edge.example.toml is a start.",
        details: { file: path },
        exit: 2,
      });
    }
    throw new OperationError({
      code: "CONFIG_UNREADABLE",
      message: `Cannot read ${path} as the configuration: ${
        error instanceof Error ? error.message : String(error)
      }`,
      hint: "Check that it is a file and that you may read it.",
      details: { file: path },
      cause: error,
      exit: 2,
    });
  }
}

function parseFile(text: string, file: string): Record<string, unknown> {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw invalid(
      `Cannot parse ${file} as TOML: ${
        error.message.split("\n")[0] ?? ""
      } at line ${error.line}, column ${error.column}`,
      "Text values need quotes; sections are written [risk].",
      { file, line: error.line, column: error.column },
    );
  }
}

interface FileLayers {
  readonly file: string | null;
  readonly searched: readonly string[];
  readonly base: Layer;
  readonly profiles: ReadonlyMap<string, Layer>;
}

function fileLayers(request: ConfigRequest): FileLayers {
  const named = request.file ?? request.env("POLY_EDGE_CONFIG");
  const searched = named === undefined ? configCandidates(request.env) : [userPath(named, request.env)];
  for (const file of searched) {
    const text = readFile(file, named !== undefined);
    if (text === null) continue;
    const tree = parseFile(text, file);
    const profiles = new Map<string, Layer>();
    const tables = tree["profile"] ?? {};
    if (!isTable(tables)) {
      throw invalid(
        `Cannot use profile as a section: current value is ${shown(tables)} (${file})`,
        "Profiles are tables: [profile.NAME]; choose one with --profile NAME.",
        { key: "profile", file },
      );
    }
    for (const [name, table] of Object.entries(tables)) {
      const origin: Origin = { source: "profile", name: `[profile.${name}] in ${file}` };
      if (!isTable(table)) throw unknownKey(`profile.${name}`, origin);
      // Every profile is checked, also those not chosen today.
      profiles.set(name, tableLayer(table, origin));
    }
    return { file, searched, base: tableLayer(tree, { source: "file", name: file }), profiles };
  }
  return { file: null, searched, base: new Map(), profiles: new Map() };
}

function environmentLayer(env: ConfigRequest["env"]): Layer {
  const layer: Layer = new Map();
  for (const path of KEYS.keys()) {
    const names = [variableOf(path), VARIABLE_ALIASES[path]];
    for (const name of names) {
      const text = name === undefined ? undefined : env(name);
      if (name === undefined || text === undefined || text === "") continue;
      layer.set(path, { value: valueFromText(path, text), origin: { source: "environment", name } });
      break;
    }
  }
  return layer;
}

function flagLayer(flags: readonly FlagValue[]): Layer {
  const layer: Layer = new Map();
  for (const { path, text, flag } of flags) {
    const origin: Origin = { source: "flag", name: flag };
    if (!isKnownKey(path)) throw unknownKey(path, origin);
    layer.set(path, { value: valueFromText(path, text), origin });
  }
  return layer;
}

function chosenProfile(request: ConfigRequest, files: FileLayers): { name: string | null; layer: Layer } {
  const name = request.profile ?? request.env("POLY_EDGE_PROFILE");
  if (name === undefined) return { name: null, layer: new Map() };
  const layer = files.profiles.get(name);
  if (layer !== undefined) return { name, layer };
  const known = [...files.profiles.keys()];
  throw new OperationError({
    code: "PROFILE_UNKNOWN",
    message: `Cannot use ${name} as a profile: ${
      files.file === null ? "no configuration file was found" : `${files.file} has no [profile.${name}]`
    }`,
    hint: known.length > 0
      ? `Profiles there: ${known.join(", ")}.`
      : `Add a [profile.${name}] table, or drop --profile.`,
    details: { profile: name, profiles: known, searched: files.searched },
    exit: 2,
  });
}

/** Flat keys back to a nested object for the schema. */
function nested(layer: Layer): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [path, { value }] of layer) {
    const open = path.startsWith(`${OPEN_KEY}.`);
    const names = open ? [...OPEN_KEY.split("."), path.slice(OPEN_KEY.length + 1)] : path.split(".");
    let at = root;
    for (const name of names.slice(0, -1)) at = (at[name] ??= {}) as Record<string, unknown>;
    at[names.at(-1) ?? path] = value;
  }
  return root;
}

/** `user:password@` of a URL is nobody's business, also where the URL is wrong. */
export const withoutCredentials = (value: unknown): unknown =>
  typeof value === "string" ? value.replace(/\/\/[^/\s]*@/, "//***@") : value;

function check(merged: Layer): Config {
  const parsed = configSchema.safeParse(nested(merged));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const path = issue.path.join(".");
    const key = [...merged.keys()].find((name) => path === name || path.startsWith(`${name}.`)) ?? path;
    const entry = merged.get(key);
    return {
      key,
      value: withoutCredentials(entry?.value),
      from: entry?.origin.name ?? "",
      problem: issue.message,
    };
  });
  const first = problems[0];
  throw invalid(
    first === undefined
      ? "Cannot use the configuration as given: it does not match the schema"
      : `Cannot use ${first.key} as configured: current value is ${
        shown(first.value)
      } (${first.from}); ${first.problem}`,
    `Correct it in ${
      first?.from ?? "the configuration"
    }; docs/configuration.md lists every key with its range.`,
    { problems },
  );
}

function valueAt(config: Config, path: string): unknown {
  const open = path.startsWith(`${OPEN_KEY}.`);
  const names = open ? [...OPEN_KEY.split("."), path.slice(OPEN_KEY.length + 1)] : path.split(".");
  return names.reduce<unknown>((at, name) => isTable(at) ? at[name] : undefined, config);
}

/**
 * Loads and checks the configuration of one run. Throws OperationError CONFIG_INVALID, CONFIG_NOT_FOUND,
 * CONFIG_UNREADABLE or PROFILE_UNKNOWN, all with exit 2.
 */
export function loadConfig(request: ConfigRequest): LoadedConfig {
  const files = fileLayers(request);
  const profile = chosenProfile(request, files);
  const merged: Layer = new Map([
    ...files.base,
    ...profile.layer,
    ...environmentLayer(request.env),
    ...flagLayer(request.flags),
  ]);
  const config = check(merged);
  const params = Object.keys(config.strategy.params).map((name) => `${OPEN_KEY}.${name}`);
  const origins = new Map<string, Origin>();
  const values = new Map<string, unknown>();
  for (const path of [...KEYS.keys(), ...params]) {
    origins.set(path, merged.get(path)?.origin ?? DEFAULT);
    values.set(path, valueAt(config, path));
  }
  return {
    config,
    origins,
    values,
    file: files.file,
    profile: profile.name,
    searched: files.searched,
    dataDir: config.data === "" ? defaultDataDir(request.env) : userPath(config.data, request.env),
  };
}
