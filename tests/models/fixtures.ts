/** Models as PyTorch and scikit-learn write them (scripts/make_model_fixtures.py), with the outputs they computed. */
import assert from "node:assert/strict";

const FOLDER = new URL("../../fixtures/models/", import.meta.url);

export const fixture = (name: string): Uint8Array => Deno.readFileSync(new URL(`${name}.onnx`, FOLDER));

export interface Rows {
  readonly tool: string;
  readonly inputs: readonly (readonly number[])[];
  readonly outputs: readonly (readonly number[])[];
}

/** Inputs and outputs of a fixture, 16 rows. */
export function fixtureRows(name: string): Rows {
  const [head = "", ...lines] = Deno.readTextFileSync(new URL(`${name}.csv`, FOLDER)).trim().split("\n");
  const [, tool = "", outputs = ""] = /^# (.+); outputs: (\d+)$/.exec(head) ?? [];
  const rows = lines.map((line) => line.split(",").map(Number));
  const width = rows[0]!.length - Number(outputs);
  assert.equal(rows.length, 16);
  return {
    tool,
    inputs: rows.map((row) => row.slice(0, width)),
    outputs: rows.map((row) => row.slice(width)),
  };
}
