/** `poly-edge models`: what a model file says, whether it is whole, and the way in and out for models of other tools. */
import type { Command } from "commander";
import { createHash } from "node:crypto";
import { OperationError } from "../core/errors.ts";
import type { ModelCard } from "../models/file/card.ts";
import { compareWithOrt } from "../models/file/import.ts";
import { kernelModelOf, plainOnnx } from "../models/file/kernel_model.ts";
import { openModelFile, ORT_TOLERANCE, unsealCard } from "../models/file/open.ts";
import { modelHash, unsealModel } from "../models/file/seal.ts";
import type { OnnxModel } from "../models/onnx/graph.ts";
import { readNetwork } from "../models/onnx/read_network.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { importAction } from "./models_import.ts";
import { bytesText, facts, table } from "./output.ts";
import { attach, examples } from "./run.ts";
import { readModelFile, warnEdge } from "./trading/models.ts";
import { writeNewFile } from "./write_new_file.ts";

/** Adds `models inspect|verify|import|export`. */
export function register(program: Command): void {
  const models = program.command("models")
    .description("model files: inspect, verify, import from other tools, export to them")
    .addHelpText("after", examples(["models verify actor.onnx", "models inspect actor.onnx --json"]));
  attach(
    models.command("inspect")
      .description(
        "what a model file says of itself, and what its graph holds; checks its seal, runs nothing",
      )
      .argument("<file>", "a model file, or any ONNX model")
      .addHelpText("after", examples(["models inspect actor.onnx"])),
    "models inspect",
    inspect,
  );
  attach(
    models.command("verify")
      .description("check model files whole: seal, inputs, golden pair, kernel beside ONNX Runtime")
      .argument("<files...>", "model files")
      .addHelpText("after", examples(["models verify actor.onnx", "models verify models/*.onnx --json"])),
    "models verify",
    verify,
  );
  attach(
    declare(models.command("import")).addHelpText(
      "after",
      examples([
        "models import actor_from_pytorch.onnx --out actor.onnx --normalisation statistics.json",
        "models import model.json --out actor.onnx",
        "models import forest.onnx --features returns_1m,trade_flow,up_mid --columns down,up --out forest_model.onnx",
      ]),
    ),
    "models import",
    importAction,
  );
  attach(
    models.command("export")
      .description("write a model for other tools")
      .argument("<file>", "a model file")
      .requiredOption("--out <file>", "file to write")
      .option(
        "--format <format>",
        "onnx (normalisation built in, no card) or json (to go on training)",
        "onnx",
      )
      .option("--force", "replace the file if it exists")
      .addHelpText("after", examples(["models export actor.onnx --out plain.onnx"])),
    "models export",
    exportAction,
  );
}

const declare = (command: Command): Command =>
  command
    .description("make a model file of an ONNX model, or of a policy as JSON")
    .argument("<file>", "an ONNX model, or JSON as a training writes it")
    .requiredOption("--out <file>", "model file to write")
    .option("--name <name>", "name of the model (default: the name of the file)")
    .option("--features <list>", "its inputs in order: seeds, edge, or names separated by commas", "seeds")
    .option("--columns <list>", "what the columns of its output mean", "hold,up,down")
    .option("--output <name>", "output to read, when there are several of floats")
    .option("--absent <what>", "what stands for an input that cannot be computed: zero or nan", "zero")
    .option("--runtime <name>", "kernel or onnxruntime (default: the kernel where it can)")
    .option("--normalisation <file>", "JSON with count, mean, variance of the inputs it was trained behind")
    .option("--walk-forward <file>", "JSON with the result on windows it was never trained on")
    .option("--decide-every-ms <n>", "how often it wishes to be asked", "500")
    .option("--source <text>", "where it comes from")
    .option("--training-data <hash>", "SHA-256 of what it was trained on")
    .option("--code-version <version>", "version of the program that trained it")
    .option("--seed <n>", "seed of its training")
    .option("--force", "replace the file if it exists");

function graphData({ graph, producer, irVersion, opsets }: OnnxModel) {
  const operators: Record<string, number> = {};
  for (const { op } of graph.nodes) operators[op] = (operators[op] ?? 0) + 1;
  const parameters = [...graph.initialisers.values()].reduce((sum, of) => sum + (of.floats?.length ?? 0), 0);
  const { name, inputs, outputs } = graph;
  return {
    name,
    producer,
    irVersion,
    opsets: Object.fromEntries(opsets),
    operators,
    parameters,
    inputs,
    outputs,
  };
}

/** The card without the rows of numbers that nobody reads. */
function cardRows(card: ModelCard): [string, string][] {
  const { provenance: from, walkForward: judged } = card;
  return [
    ["name", card.name],
    ["runtime", card.runtime],
    ["inputs", `${card.features.names.length} x ${card.history}: ${card.features.names.join(", ")}`],
    ["schema", card.features.hash.slice(0, 16)],
    [
      "normalised",
      card.normalisation === null ? "no" : `over ${Math.round(card.normalisation.count)} vectors`,
    ],
    ["columns", card.output.columns.join(", ")],
    ["asked every", `${card.decideEveryMs} ms`],
    ["source", from.source],
    ["trained on", from.trainingDataHash ?? "not known"],
    ["trained by", `${from.codeVersion ?? "not known"}, seed ${from.seed ?? "not known"}`],
    [
      "judged",
      judged === null ? "never" : `${judged.pnl} pUSD over ${judged.windows} windows: ${judged.basis}`,
    ],
    ["proven edge", judged?.edgeProven === true ? "yes" : "no"],
  ];
}

async function inspect(ctx: CommandContext, args: string[]): Promise<CommandResult> {
  const path = args[0]!;
  const file = await readModelFile(path);
  const { card, model } = unsealModel(file);
  const graph = graphData(model);
  if (card !== null) warnEdge(ctx, card);
  const shape = ({ name, dims }: { name: string; dims: readonly number[] | null }) =>
    `${name} [${dims?.map((dim) => dim < 0 ? "any" : dim).join(", ") ?? ""}]`;
  const rows: [string, string][] = [
    ["file", `${path}, ${bytesText(file.length)}`],
    ["sha256", modelHash(file)],
    ...(card === null ? [["card", "none: a plain ONNX model"] as [string, string]] : cardRows(card)),
    ["written by", `${graph.producer}, opset ${graph.opsets[""] ?? "?"}`],
    ["graph", `${graph.inputs.map(shape).join(", ")} -> ${graph.outputs.map(shape).join(", ")}`],
    ["operators", Object.entries(graph.operators).map(([op, n]) => `${op} ${n}`).join(", ")],
    ["weights", String(graph.parameters)],
  ];
  return {
    data: { path, bytes: file.length, sha256: modelHash(file), card, graph },
    text: facts(rows, ctx.color),
  };
}

/** Every check of a load, and for a network of the kernel the same graph under ONNX Runtime. */
async function verifyOne(ctx: CommandContext, path: string) {
  const file = await readModelFile(path);
  const loaded = await openModelFile(file);
  loaded.close();
  const { card } = loaded;
  warnEdge(ctx, card);
  let difference: number | null = null;
  if (card.runtime === "kernel") {
    const parts = unsealCard(file);
    const read = readNetwork(parts.model, card.features.names.length, card.name);
    if (read.kind === "network") {
      difference = await compareWithOrt(parts.onnx, parts.model, read, kernelModelOf(parts));
    }
    if (difference === null || !(difference <= ORT_TOLERANCE)) throw differs(path, difference);
  }
  return {
    path,
    sha256: loaded.sha256,
    name: card.name,
    runtime: card.runtime,
    difference,
    provenEdge: card.walkForward?.edgeProven === true,
  };
}

const differs = (path: string, difference: number | null): OperationError =>
  new OperationError({
    code: "MODEL_IMPORT_DIFFERS",
    message: `Cannot verify ${path}: kernel and ONNX Runtime differ by ${difference ?? "an unknown amount"}`,
    hint: "Please report it with the file.",
  });

async function verify(ctx: CommandContext, args: string[]): Promise<CommandResult> {
  const models = [];
  for (const path of args) {
    ctx.signal.throwIfAborted();
    models.push(await verifyOne(ctx, path));
  }
  const rows = models.map((model) => [
    model.path,
    model.name,
    model.runtime,
    model.difference === null ? "-" : model.difference.toExponential(1),
    model.provenEdge ? "yes" : "no",
    model.sha256.slice(0, 16),
  ]);
  return {
    data: { models },
    text: table({
      head: ["whole model", "name", "runtime", "beside ONNX Runtime", "proven edge", "sha256"],
      rows,
      color: ctx.color,
    }),
  };
}

function exported(file: Uint8Array, format: string): Uint8Array {
  const parts = unsealCard(file);
  const { card, onnx } = parts;
  if (format === "onnx") return card.runtime === "kernel" ? plainOnnx(kernelModelOf(parts)) : onnx;
  if (format !== "json") {
    throw new OperationError({
      code: "USAGE",
      message: `Cannot export as ${format}: --format is onnx or json`,
      exit: 2,
    });
  }
  if (card.runtime === "kernel") return new TextEncoder().encode(`${JSON.stringify(kernelModelOf(parts))}\n`);
  throw new OperationError({
    code: "USAGE",
    message: `Cannot export ${card.name} as json: it is no network of the kernel`,
    hint: "Use --format onnx.",
    exit: 2,
  });
}

async function exportAction(
  _ctx: CommandContext,
  args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const [path = ""] = args;
  const file = await readModelFile(path);
  // What does not pass its own checks is not handed on.
  (await openModelFile(file)).close();
  const out = String(options["out"]);
  const bytes = exported(file, String(options["format"]));
  await writeNewFile(out, bytes, options["force"] === true);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return {
    data: { model: path, out, format: options["format"], bytes: bytes.length, sha256 },
    text: `${path} written to ${out} as ${String(options["format"])}, ${bytesText(bytes.length)}`,
  };
}
