import assert from "node:assert/strict";
import { newProgram } from "../../commands/global_options.ts";
import { COMMANDS } from "../../commands/registry.ts";
import { VERSION } from "../../commands/version.ts";
import { Command } from "commander";
import { poly } from "./harness.ts";

Deno.test("--help lists every registered command and every global option, exit 0", async () => {
  const program = new Command();
  for (const register of COMMANDS) register(program);
  const { code, out, err } = await poly(["--help"]);
  assert.equal(code, 0);
  assert.equal(err, "");
  for (const command of program.commands) assert.match(out, new RegExp(`^  ${command.name()}\\b`, "m"));
  const options = "json config profile data venue set log-level log-file quiet proxy no-color version".split(
    " ",
  );
  for (const option of options) assert.ok(out.includes(`--${option}`), option);
});

Deno.test("every command explains itself: description, examples, the global options, exit 0", async () => {
  const program = new Command();
  for (const register of COMMANDS) register(program);
  const leaves = program.commands.flatMap((command) =>
    command.commands.length === 0
      ? [[command.name()]]
      : command.commands.map((sub) => [command.name(), sub.name()])
  );
  assert.ok(leaves.length >= 2);
  for (const names of leaves) {
    const { code, out } = await poly([...names, "--help"]);
    assert.equal(code, 0, names.join(" "));
    assert.ok(out.startsWith(`Usage: poly-edge ${names.join(" ")}`), out.slice(0, 80));
    assert.match(out, /Examples:\n {2}\$ poly-edge /, names.join(" "));
    assert.match(out, /--venue <name>/, names.join(" "));
  }
});

Deno.test("no command takes an option of the same name as a global one: the global would swallow it", () => {
  const program = new Command();
  for (const register of COMMANDS) register(program);
  const globals = new Set(newProgram().options.flatMap(({ long, short }) => [long, short ?? long]));
  const clashes = program.commands.flatMap((command) => [command, ...command.commands]).flatMap((command) =>
    command.options.filter(({ long, short }) =>
      globals.has(long) || (short !== undefined && globals.has(short))
    )
      .map(({ flags }) => `${command.name()} ${flags}`)
  );
  assert.ok(globals.has("--set") && globals.has("--data"));
  assert.deepEqual(clashes, []);
});

Deno.test("an unknown command is a usage error that names the nearest one, exit 2", async () => {
  const { code, out, err } = await poly(["confg"]);
  assert.equal(code, 2);
  assert.equal(out, "");
  assert.equal(
    err,
    "error USAGE: Cannot read the command line: unknown command 'confg'\n" +
      "hint: Did you mean config? See `poly-edge --help`.\n",
  );
});

Deno.test("usage errors under --json are one envelope on stdout, wherever --json stands", async () => {
  const lines = [
    ["--json", "nonsense"],
    ["nonsense", "--json"],
    ["config", "show", "--nope", "--json"],
    ["--json", "config"],
    ["--json"],
    ["config", "show", "extra", "--json"],
    ["config", "show", "--log-level", "loud", "--json"],
    ["config", "show", "--json", "--set"],
    ["config", "show", "--json", "--set", "novalue"],
  ];
  for (const argv of lines) {
    const { code, out, err, envelope } = await poly(argv);
    assert.equal(code, 2, argv.join(" "));
    assert.equal(err, "", argv.join(" "));
    assert.equal(out.trimEnd().split("\n").length, 1, argv.join(" "));
    assert.equal(envelope?.ok, false);
    assert.equal(envelope?.error?.code, "USAGE", argv.join(" "));
    assert.equal(envelope?.schema, "poly-edge/1");
    assert.equal(envelope?.meta.version, VERSION);
  }
});

Deno.test("the envelope of a usage error names the command that was meant", async () => {
  const { envelope } = await poly(["--venue", "sim", "config", "show", "--nope", "--json"]);
  assert.equal(envelope?.command, "config show");
});

Deno.test("no command at all is a usage error, not a success", async () => {
  const { code, err } = await poly([]);
  assert.equal(code, 2);
  assert.match(err, /^error USAGE: .*no command given\nhint: /);
});

Deno.test("--version prints the version of deno.json; under --json inside the envelope", async () => {
  assert.deepEqual(await poly(["--version"]), { code: 0, out: `${VERSION}\n`, err: "", envelope: null });
  const { code, envelope } = await poly(["--version", "--json"]);
  assert.equal(code, 0);
  assert.deepEqual(envelope?.data, { version: VERSION });
});

Deno.test("--help under --json keeps stdout one envelope", async () => {
  const { code, out, envelope } = await poly(["config", "--help", "--json"]);
  assert.equal(code, 0);
  assert.equal(out.trimEnd().split("\n").length, 1);
  assert.match(String(envelope?.data?.["help"]), /^Usage: poly-edge config/);
});

Deno.test("words after -- are not options", async () => {
  const { code, out, err } = await poly(["config", "show", "--", "--json"]);
  assert.equal(code, 2);
  assert.equal(out, "");
  assert.match(err, /^error USAGE: /);
});
