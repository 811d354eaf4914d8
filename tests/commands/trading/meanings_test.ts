import assert from "node:assert/strict";
import { gateMeaning } from "../../../commands/trading/meanings.ts";
import { GATE_CODES } from "../../../core/risk/gate.ts";

Deno.test("every refusal of the gate is shown in words", () => {
  assert.deepEqual(GATE_CODES.filter((code) => gateMeaning(code) === code), []);
});
