/**
 * The kernel once more in plain scalar TypeScript: reads the same tables over a copy of the same memory, one number at a
 * time, rounded to f32 after every operation. Slow and simple; the tests demand the kernel's bits from it.
 */
import { exp64, log64, tanh32 } from "./functions.ts";
import { FIELD, OP, RECORD } from "./plan.ts";

const f = Math.fround;

/** A matrix of f32 in memory: address and bytes between rows. */
interface Matrix {
  readonly at: number;
  readonly ld: number;
}

/** Sum in the order of the vector unit: lane 0..3 apart, then (0 + 1) + (2 + 3). `term` is already f32. */
function laneSum(n: number, term: (i: number) => number): number {
  const lane = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) lane[i % 4] = f(lane[i % 4]! + term(i));
  return f(f(lane[0]! + lane[1]!) + f(lane[2]! + lane[3]!));
}

export class ScalarKernel {
  readonly #f32: Float32Array;
  readonly #i32: Int32Array;

  /** Works on `memory` in place. */
  constructor(memory: ArrayBuffer) {
    this.#f32 = new Float32Array(memory);
    this.#i32 = new Int32Array(memory);
  }

  /** Same meaning as the kernel's `run`. */
  run(program: number, count: number, rows: number): void {
    for (let i = 0; i < count; i++) this.#operation(program / 4 + i * RECORD, rows);
  }

  #get(m: Matrix, row: number, column: number): number {
    return this.#f32[(m.at + row * m.ld) / 4 + column]!;
  }

  #put(m: Matrix, row: number, column: number, value: number): void {
    this.#f32[(m.at + row * m.ld) / 4 + column] = value;
  }

  #operation(at: number, rows: number): void {
    const field = (name: keyof typeof FIELD): number => this.#i32[at + FIELD[name]]!;
    const x = { at: field("x"), ld: field("ldx") };
    const y = { at: field("y"), ld: field("ldy") };
    const w = { at: field("w"), ld: field("ldw") };
    const dx = { at: field("dx"), ld: field("lddx") };
    const row = (name: keyof typeof FIELD): Matrix => ({ at: field(name), ld: 0 });
    const n = field("n");
    switch (field("op")) {
      case OP.dense:
        return this.#dense({ rows, n, k: field("k"), x, w, bias: row("bias"), y });
      case OP.tanh:
        return this.#each(rows, n, (r, c) => this.#put(y, r, c, tanh32(this.#get(y, r, c))));
      case OP.layerNorm:
        return this.#layerNorm(rows, n, x, y, row("w"), row("bias"), { at: field("s"), ld: 8 });
      case OP.logSoftmax:
        return this.#logSoftmax(rows, n, x, y, w);
      case OP.copy:
        return this.#each(rows, n, (r, c) => this.#put(y, r, c, this.#get(x, r, c)));
      case OP.denseGrad:
        return this.#denseGrad(at, rows);
      case OP.tanhGrad:
        return this.#each(rows, n, (r, c) => {
          const v = this.#get(x, r, c);
          this.#put(y, r, c, f(this.#get(y, r, c) * f(1 - f(v * v))));
        });
      case OP.layerNormGrad:
        return this.#layerNormGrad(at, rows);
      case OP.logSoftmaxGrad:
        return this.#logSoftmaxGrad(rows, n, field("pad"), { p: x, dy: y, dx });
      default:
        throw new Error(`no operation ${field("op")}`);
    }
  }

  #each(rows: number, n: number, visit: (row: number, column: number) => void): void {
    for (let r = 0; r < rows; r++) for (let c = 0; c < n; c++) visit(r, c);
  }

  #dense(
    { rows, n, k, x, w, bias, y }: {
      rows: number;
      n: number;
      k: number;
      x: Matrix;
      w: Matrix;
      bias: Matrix;
      y: Matrix;
    },
  ): void {
    this.#each(rows, n, (r, c) => {
      let sum = this.#get(bias, 0, c);
      for (let i = 0; i < k; i++) sum = f(sum + f(this.#get(x, r, i) * this.#get(w, i, c)));
      this.#put(y, r, c, sum);
    });
  }

  #denseGrad(at: number, rows: number): void {
    const field = (name: keyof typeof FIELD): number => this.#i32[at + FIELD[name]]!;
    const x = { at: field("x"), ld: field("ldx") };
    const dy = { at: field("y"), ld: field("ldy") };
    const w = { at: field("w"), ld: field("ldw") };
    const dw = { at: field("s"), ld: field("ldw") };
    const wt = { at: field("wt"), ld: field("ldwt") };
    const dx = { at: field("dx"), ld: field("lddx") };
    const [n, k, pad] = [field("n"), field("k"), field("pad")];
    this.#each(k, n, (i, c) => {
      let sum = 0;
      for (let r = 0; r < rows; r++) sum = f(sum + f(this.#get(x, r, i) * this.#get(dy, r, c)));
      this.#put(dw, i, c, sum);
    });
    for (let c = 0; c < n; c++) {
      let sum = 0;
      for (let r = 0; r < rows; r++) sum = f(sum + this.#get(dy, r, c));
      this.#put({ at: field("bias"), ld: 0 }, 0, c, sum);
    }
    if (dx.at === 0) return;
    // The transposed copy is the kernel's scratch; kept here too, so that whole memories can be compared.
    this.#each(n, pad, (c, i) => this.#put(wt, c, i, i < k ? this.#get(w, i, c) : 0));
    this.#each(rows, pad, (r, i) => {
      let sum = 0;
      for (let c = 0; c < n; c++) sum = f(sum + f(this.#get(dy, r, c) * this.#get(wt, c, i)));
      this.#put(dx, r, i, sum);
    });
  }

  #layerNorm(
    rows: number,
    n: number,
    x: Matrix,
    y: Matrix,
    gain: Matrix,
    offset: Matrix,
    stats: Matrix,
  ): void {
    for (let r = 0; r < rows; r++) {
      const mean = f(laneSum(n, (c) => this.#get(x, r, c)) / n);
      const deviation = (c: number) => f(this.#get(x, r, c) - mean);
      const variance = f(laneSum(n, (c) => f(deviation(c) * deviation(c))) / n);
      const rstd = f(1 / f(Math.sqrt(f(variance + f(1e-5)))));
      this.#put(stats, r, 0, mean);
      this.#put(stats, r, 1, rstd);
      for (let c = 0; c < n; c++) {
        this.#put(y, r, c, f(f(f(deviation(c) * rstd) * this.#get(gain, 0, c)) + this.#get(offset, 0, c)));
      }
    }
  }

  #layerNormGrad(at: number, rows: number): void {
    const field = (name: keyof typeof FIELD): number => this.#i32[at + FIELD[name]]!;
    const x = { at: field("x"), ld: field("ldx") };
    const dy = { at: field("y"), ld: field("ldy") };
    const dx = { at: field("dx"), ld: field("lddx") };
    const [gain, dgain] = [{ at: field("w"), ld: 0 }, { at: field("ldw"), ld: 0 }];
    const [doffset, stats] = [{ at: field("bias"), ld: 0 }, { at: field("s"), ld: 8 }];
    const n = field("n");
    this.#each(1, n, (_, c) => {
      this.#put(dgain, 0, c, 0);
      this.#put(doffset, 0, c, 0);
    });
    for (let r = 0; r < rows; r++) {
      const [mean, rstd] = [this.#get(stats, r, 0), this.#get(stats, r, 1)];
      const hat = (c: number) => f(f(this.#get(x, r, c) - mean) * rstd);
      const g = (c: number) => f(this.#get(dy, r, c) * this.#get(gain, 0, c));
      const meanG = f(laneSum(n, g) / n);
      const meanGx = f(laneSum(n, (c) => f(g(c) * hat(c))) / n);
      for (let c = 0; c < n; c++) {
        const d = this.#get(dy, r, c);
        this.#put(dgain, 0, c, f(this.#get(dgain, 0, c) + f(d * hat(c))));
        this.#put(doffset, 0, c, f(this.#get(doffset, 0, c) + d));
      }
      for (let c = 0; c < n; c++) {
        this.#put(dx, r, c, f(rstd * f(f(g(c) - meanG) - f(hat(c) * meanGx))));
      }
    }
  }

  #logSoftmax(rows: number, n: number, x: Matrix, y: Matrix, p: Matrix): void {
    for (let r = 0; r < rows; r++) {
      let top = this.#get(x, r, 0);
      for (let c = 1; c < n; c++) top = Math.max(top, this.#get(x, r, c));
      let total = 0;
      for (let c = 0; c < n; c++) {
        const e = exp64(this.#get(x, r, c) - top);
        total += e;
        this.#put(p, r, c, e);
      }
      const base = top + log64(total);
      const share = 1 / total;
      for (let c = 0; c < n; c++) {
        this.#put(y, r, c, this.#get(x, r, c) - base);
        this.#put(p, r, c, this.#get(p, r, c) * share);
      }
    }
  }

  #logSoftmaxGrad(
    rows: number,
    n: number,
    pad: number,
    { p, dy, dx }: { p: Matrix; dy: Matrix; dx: Matrix },
  ): void {
    for (let r = 0; r < rows; r++) {
      let sum = 0;
      for (let c = 0; c < n; c++) sum = f(sum + this.#get(dy, r, c));
      for (let c = 0; c < pad; c++) {
        this.#put(dx, r, c, c < n ? f(this.#get(dy, r, c) - f(this.#get(p, r, c) * sum)) : 0);
      }
    }
  }
}

/** Sum of squares in f64, in the kernel's order. */
export function scalarSumSquares(values: Float32Array): number {
  const lane = [0, 0, 0, 0];
  for (let i = 0; i < values.length; i++) lane[i % 4] = lane[i % 4]! + values[i]! * values[i]!;
  return (lane[0]! + lane[1]!) + (lane[2]! + lane[3]!);
}

/** One Adam step in place; meaning of the numbers as in the kernel's `adam`. */
export function scalarAdam(
  { params, grads, moments, squares }: Readonly<
    Record<"params" | "grads" | "moments" | "squares", Float32Array>
  >,
  numbers: Readonly<Record<"scale" | "step" | "root" | "beta1" | "beta2" | "eps", number>>,
): void {
  const { scale, step, root, beta1, beta2, eps } = numbers;
  const [b1, b2] = [f(beta1), f(beta2)];
  const [c1, c2] = [f(1 - b1), f(1 - b2)];
  for (let i = 0; i < params.length; i++) {
    const d = f(grads[i]! * f(scale));
    moments[i] = f(f(b1 * moments[i]!) + f(c1 * d));
    squares[i] = f(f(b2 * squares[i]!) + f(c2 * f(d * d)));
    const below = f(f(f(Math.sqrt(squares[i]!)) * f(root)) + f(eps));
    params[i] = params[i]! - f(f(f(step) * moments[i]!) / below);
  }
}
