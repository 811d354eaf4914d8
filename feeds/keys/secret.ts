/**
 * A value that cannot be printed. Whatever turns it into text (templates, JSON, inspect, logs, error messages) sees
 * `[secret]`; copies made by structuredClone or a worker message are empty. Only `reveal()` gives the value, and the
 * places that call it are few enough to read.
 */

const SHOWN = "[secret]";
const NODE_INSPECT = Symbol.for("nodejs.util.inspect.custom");
const DENO_INSPECT = Symbol.for("Deno.customInspect");

/** A secret of any type. Build with `new Secret(value)` or `secret(value)`. */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
    Object.freeze(this);
  }

  /** The value itself: hand it on at once, never store it in a field of something that can be printed. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return SHOWN;
  }

  toLocaleString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  valueOf(): string {
    return SHOWN;
  }

  [Symbol.toPrimitive](): string {
    return SHOWN;
  }

  get [Symbol.toStringTag](): string {
    return "Secret";
  }

  [NODE_INSPECT](): string {
    return SHOWN;
  }

  [DENO_INSPECT](): string {
    return SHOWN;
  }
}

/** Wraps a value. */
export const secret = <T>(value: T): Secret<T> => new Secret(value);
