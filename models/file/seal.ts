/**
 * The file: an ONNX model, and behind it one more metadata entry, "poly-edge", with the card. Protocol Buffers may be
 * appended to, so any runtime and viewer still reads the whole. The card ends with a seal, the SHA-256 of everything
 * before it, so no byte of the file is free. (A seal is no signature: who rewrites the file can rewrite it.)
 */
import { createHash } from "node:crypto";
import { OperationError } from "../../core/errors.ts";
import { type OnnxModel, readOnnx } from "../onnx/graph.ts";
import { Writer } from "../onnx/wire.ts";
import { type ModelCard, parseCard } from "./card.ts";

const KEY = "poly-edge";
/** ModelProto.metadata_props. */
const METADATA = 14;
const SEAL = /,"seal":"([0-9a-f]{64})"\}$/;

const entryOf = (text: string): Uint8Array<ArrayBuffer> =>
  new Writer().message(METADATA, (entry) => entry.text(1, KEY).text(2, text)).finish();

const sealOf = (onnx: Uint8Array, card: string): string =>
  createHash("sha256").update(onnx).update(card).digest("hex");

const damaged = (what: string): OperationError =>
  new OperationError({
    code: "MODEL_DAMAGED",
    message: `Cannot use the model as a policy: ${what}`,
    hint: "It is not the file that was written: take a whole copy, or import its model again.",
  });

/** Digest by which a model is known: of the whole file. */
export const modelHash = (file: Uint8Array): string => createHash("sha256").update(file).digest("hex");

/** A model file from an ONNX model and its card. Throws what `parseCard` throws; a card that was there is invariantly absent. */
export function sealModel(onnx: Uint8Array, card: ModelCard): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify(parseCard(card));
  const entry = entryOf(`${text.slice(0, -1)},"seal":"${sealOf(onnx, text)}"}`);
  const file = new Uint8Array(onnx.length + entry.length);
  file.set(onnx);
  file.set(entry, onnx.length);
  return file;
}

/** A model file taken apart. */
export interface Unsealed {
  /** The ONNX model without the card. */
  readonly onnx: Uint8Array;
  readonly model: OnnxModel;
  /** null: a plain ONNX model. */
  readonly card: ModelCard | null;
}

/**
 * Takes a file apart and checks its seal. Throws ONNX_INVALID, MODEL_DAMAGED for a byte that is not what was written,
 * MODEL_INVALID and MODEL_FEATURES_DIFFER for its card.
 */
export function unsealModel(file: Uint8Array): Unsealed {
  const model = readOnnx(file);
  const text = model.metadata.get(KEY);
  if (text === undefined) return { onnx: file, model, card: null };
  const seal = SEAL.exec(text)?.[1];
  const entry = entryOf(text);
  const onnx = file.subarray(0, file.length - entry.length);
  const last = file.subarray(onnx.length);
  if (seal === undefined || last.some((byte, at) => byte !== entry[at])) {
    throw damaged("its card is not where it was written");
  }
  const card = text.replace(SEAL, "}");
  if (sealOf(onnx, card) !== seal) throw damaged("it does not match its seal");
  return { onnx, model, card: parseCard(JSON.parse(card)) };
}
