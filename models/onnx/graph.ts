/**
 * The parts of an ONNX model that we read (onnx.proto3 of ONNX 1.17, https://github.com/onnx/onnx): nodes, initialisers,
 * inputs, outputs, metadata. Everything is bounded before it is kept, nothing outside the file is opened, and nothing is
 * run: a file that is refused here never reaches a runtime.
 */
import { badOnnx, BYTES, type Field, fieldsOf, textOf, varintsOf, WORD32 } from "./wire.ts";

/** Larger files are refused unread. A forest of 10,000 trees has about half of it. */
export const MAX_MODEL_BYTES = 64 * 1024 * 1024;
const MAX_NODES = 10_000;
const MAX_RANK = 8;
const MAX_METADATA_BYTES = 1024 * 1024;
/** Domains whose operators are ONNX's own; anything else would be somebody's extension. */
const DOMAINS = new Set(["", "ai.onnx", "ai.onnx.ml"]);
/** Element types, TensorProto.DataType. */
export const FLOAT = 1;
export const INT64 = 7;
const EXTERNAL = 1;

export interface Tensor {
  readonly name: string;
  readonly dims: readonly number[];
  /** TensorProto.DataType. */
  readonly type: number;
  /** FLOAT only: the numbers, copied. */
  readonly floats: Float32Array | null;
  /** INT64 only. */
  readonly ints: readonly number[] | null;
}

export interface Attribute {
  readonly int: number | null;
  readonly float: number | null;
  readonly ints: readonly number[];
  readonly tensor: Tensor | null;
}

export interface Node {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** A named input or output; a dimension is -1 when it is free. `type` 0: not a tensor (a sequence or a map). */
export interface ValueInfo {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly number[] | null;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initialisers: ReadonlyMap<string, Tensor>;
  /** Without those that are initialisers too (older exporters list them). */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly producer: string;
  /** Domain to version; "" is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
  /** Last one wins, as the format says. */
  readonly metadata: ReadonlyMap<string, string>;
}

const inner = (field: Field): Uint8Array => {
  if (field.wire !== BYTES) throw badOnnx(`field ${field.number} is no message`);
  return field.bytes;
};

/** The floats of raw bytes or of packed words. */
function floatsOf(bytes: Uint8Array): Float32Array {
  if (bytes.length % 4 !== 0) throw badOnnx(`weights take ${bytes.length} bytes, no multiple of 4`);
  return new Float32Array(bytes.slice().buffer);
}

function int64sOf(bytes: Uint8Array): number[] {
  if (bytes.length % 8 !== 0) throw badOnnx(`indices take ${bytes.length} bytes, no multiple of 8`);
  return Array.from(new BigInt64Array(bytes.slice().buffer), Number);
}

function readTensor(data: Uint8Array): Tensor {
  const dims: number[] = [];
  const ints: number[] = [];
  const floats: Float32Array[] = [];
  let name = "";
  let type = 0;
  let raw: Uint8Array | null = null;
  for (const field of fieldsOf(data)) {
    if (field.number === 1) varintsOf(field, dims, MAX_RANK);
    else if (field.number === 2) type = field.value;
    else if (field.number === 4) floats.push(floatsOf(field.bytes));
    else if (field.number === 7) varintsOf(field, ints);
    else if (field.number === 8) name = textOf(field);
    else if (field.number === 9) raw = inner(field);
    // Weights in other files would make us open whatever path the file names.
    else if (field.number === 13 || (field.number === 14 && field.value === EXTERNAL)) {
      throw badOnnx(`the weights of ${name || "a tensor"} are in another file; save them inside`);
    }
  }
  if (dims.some((dim) => dim < 0 || dim > MAX_MODEL_BYTES)) throw badOnnx(`${name} has the shape [${dims}]`);
  const count = dims.reduce((product, dim) => product * dim, 1);
  const tensor: Tensor = {
    name,
    dims,
    type,
    floats: type !== FLOAT ? null : raw === null ? join(floats) : floatsOf(raw),
    ints: type !== INT64 ? null : raw === null ? ints : int64sOf(raw),
  };
  const has = tensor.floats?.length ?? tensor.ints?.length ?? count;
  if (has !== count) throw badOnnx(`${name} has the shape [${dims}] and ${has} numbers`);
  return tensor;
}

function join(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function readAttribute(data: Uint8Array): [string, Attribute] {
  let name = "";
  let int: number | null = null;
  let float: number | null = null;
  let tensor: Tensor | null = null;
  const ints: number[] = [];
  for (const field of fieldsOf(data)) {
    if (field.number === 1) name = textOf(field);
    else if (field.number === 2 && field.wire === WORD32) float = floatsOf(field.bytes)[0]!;
    else if (field.number === 3) int = field.value;
    else if (field.number === 5) tensor = readTensor(inner(field));
    else if (field.number === 8) varintsOf(field, ints, MAX_MODEL_BYTES);
    // A graph inside a graph is a branch or a loop: its length is not bounded by the file's.
    else if (field.number === 6 || field.number === 11) {
      throw badOnnx("it holds a graph inside a node (a branch or a loop), which is not run here");
    }
  }
  return [name, { int, float, ints, tensor }];
}

function readNode(data: Uint8Array): Node {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  let op = "";
  let domain = "";
  for (const field of fieldsOf(data)) {
    if (field.number === 1) inputs.push(textOf(field));
    else if (field.number === 2) outputs.push(textOf(field));
    else if (field.number === 4) op = textOf(field);
    else if (field.number === 5) attributes.set(...readAttribute(inner(field)));
    else if (field.number === 7) domain = textOf(field);
  }
  if (!DOMAINS.has(domain)) throw badOnnx(`${op} is of the domain "${domain}", which is not ONNX's own`);
  return { op, domain, inputs, outputs, attributes };
}

/** TensorShapeProto: dimensions, -1 where a name or nothing stands. */
function readShape(data: Uint8Array): number[] {
  const dims: number[] = [];
  for (const field of fieldsOf(data)) {
    if (field.number !== 1) continue;
    let dim = -1;
    for (const part of fieldsOf(inner(field))) if (part.number === 1) dim = part.value;
    dims.push(dim);
    if (dims.length > MAX_RANK) throw badOnnx("a value has more than eight dimensions");
  }
  return dims;
}

function readValueInfo(data: Uint8Array): ValueInfo {
  let name = "";
  let type = 0;
  let dims: number[] | null = null;
  for (const field of fieldsOf(data)) {
    if (field.number === 1) name = textOf(field);
    if (field.number !== 2) continue;
    for (const kind of fieldsOf(inner(field))) {
      if (kind.number !== 1) continue;
      for (const part of fieldsOf(inner(kind))) {
        if (part.number === 1) type = part.value;
        else if (part.number === 2) dims = readShape(inner(part));
      }
    }
  }
  return { name, type, dims };
}

function readGraph(data: Uint8Array): OnnxGraph {
  const nodes: Node[] = [];
  const initialisers = new Map<string, Tensor>();
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  let name = "";
  for (const field of fieldsOf(data)) {
    if (field.number === 1) nodes.push(readNode(inner(field)));
    else if (field.number === 2) name = textOf(field);
    else if (field.number === 5) {
      const tensor = readTensor(inner(field));
      initialisers.set(tensor.name, tensor);
    } else if (field.number === 11) inputs.push(readValueInfo(inner(field)));
    else if (field.number === 12) outputs.push(readValueInfo(inner(field)));
    if (nodes.length > MAX_NODES || initialisers.size > MAX_NODES) {
      throw badOnnx(`it has more than ${MAX_NODES} nodes or weights`);
    }
  }
  if (nodes.length === 0) throw badOnnx("its graph is empty");
  return { name, nodes, initialisers, outputs, inputs: inputs.filter((of) => !initialisers.has(of.name)) };
}

function readPair(data: Uint8Array): [string, string] {
  let key = "";
  let value = "";
  for (const field of fieldsOf(data)) {
    if (field.number === 1) key = textOf(field);
    else if (field.number === 2) value = textOf(field, MAX_METADATA_BYTES);
  }
  return [key, value];
}

function readOpset(data: Uint8Array): [string, number] {
  let domain = "";
  let version = 0;
  for (const field of fieldsOf(data)) {
    if (field.number === 1) domain = textOf(field);
    else if (field.number === 2) version = field.value;
  }
  return [domain === "ai.onnx" ? "" : domain, version];
}

/** Reads a model. Throws ONNX_INVALID with what is wrong; takes time and memory in proportion to the file. */
export function readOnnx(data: Uint8Array): OnnxModel {
  if (data.length === 0) throw badOnnx("it is empty");
  if (data.length > MAX_MODEL_BYTES) {
    throw badOnnx(`it has ${data.length} bytes, at most ${MAX_MODEL_BYTES} are read`);
  }
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  let irVersion = 0;
  let producer = "";
  let graph: OnnxGraph | null = null;
  for (const field of fieldsOf(data)) {
    if (field.number === 1) irVersion = field.value;
    else if (field.number === 2) producer = textOf(field);
    else if (field.number === 7) {
      // The format would merge them; no exporter writes two.
      if (graph !== null) throw badOnnx("it holds two graphs");
      graph = readGraph(inner(field));
    } else if (field.number === 8) opsets.set(...readOpset(inner(field)));
    else if (field.number === 14) metadata.set(...readPair(inner(field)));
    else if (field.number === 25) throw badOnnx("it declares functions of its own, which are not run here");
    if (metadata.size > 1000 || opsets.size > 100) throw badOnnx("it has too much metadata");
  }
  if (graph === null) throw badOnnx("it holds no graph");
  if (!(irVersion >= 3 && irVersion <= 13)) throw badOnnx(`its IR version is ${irVersion}, read are 3 to 13`);
  for (const domain of opsets.keys()) {
    if (!DOMAINS.has(domain)) opsets.delete(domain);
  }
  return { irVersion, producer, opsets, graph, metadata };
}
