/** Where a platform keeps a user's configuration and data. */
import { isAbsolute, join, resolve } from "node:path";

type Env = (name: string) => string | undefined;
type Os = typeof Deno.build.os;

export const CONFIG_FILE_NAME = "poly-edge.toml";

function home(env: Env, os: Os): string {
  return (os === "windows" ? env("USERPROFILE") : undefined) ?? env("HOME") ?? ".";
}

/** A platform's base folder: the XDG variable when absolute (as the XDG specification demands), else the usual place. */
function base(env: Env, os: Os, xdg: string, fallback: readonly string[]): string {
  if (os === "windows") return env("APPDATA") ?? join(home(env, os), "AppData", "Roaming");
  if (os === "darwin") return join(home(env, os), "Library", "Application Support");
  const named = env(xdg);
  return named !== undefined && isAbsolute(named) ? named : join(home(env, os), ...fallback);
}

/** Default data folder: `~/.local/share/poly-edge`, macOS `~/Library/Application Support/poly-edge`, Windows `%APPDATA%\poly-edge`. */
export const defaultDataDir = (env: Env, os: Os = Deno.build.os): string =>
  join(base(env, os, "XDG_DATA_HOME", [".local", "share"]), "poly-edge");

/** Configuration files looked for, in order, when none is named. */
export const configCandidates = (env: Env, os: Os = Deno.build.os): string[] => [
  resolve(CONFIG_FILE_NAME),
  join(base(env, os, "XDG_CONFIG_HOME", [".config"]), "poly-edge", CONFIG_FILE_NAME),
];

/** A path as the user wrote it, absolute; `~/` means the home folder (files and variables know no shell). */
export function userPath(path: string, env: Env, os: Os = Deno.build.os): string {
  if (path === "~" || path.startsWith("~/")) return join(home(env, os), path.slice(1));
  return resolve(path);
}
