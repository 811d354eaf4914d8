/** One value per second for the last 4096 seconds, gaps filled with the last value. Fixed buffers, no allocation. */

const LENGTH = 4096;
const MASK = LENGTH - 1;

export class SecondRing {
  private readonly values = new Float64Array(LENGTH);
  private first = -1;
  private last = -1;

  /** Latest second written, -1 when empty. */
  get lastSecond(): number {
    return this.last;
  }
  /** First second still known, -1 when empty. */
  get firstSecond(): number {
    return this.first;
  }

  clear(): void {
    this.first = -1;
    this.last = -1;
  }

  /** Sets the value of `second`; earlier seconds than the last are refused (false), seconds between are filled. */
  set(second: number, value: number): boolean {
    if (second < this.last) return false;
    if (this.last < 0 || second - this.last >= LENGTH) {
      this.first = second;
    } else {
      const held = this.values[this.last & MASK]!;
      for (let s = this.last + 1; s < second; s++) this.values[s & MASK] = held;
      if (second - this.first >= LENGTH) this.first = second - LENGTH + 1;
    }
    this.values[second & MASK] = value;
    this.last = second;
    return true;
  }

  /** Value that held during `second`; NaN before the first known second. Later than the last: the last. */
  at(second: number): number {
    if (this.last < 0 || second < this.first) return NaN;
    return this.values[(second > this.last ? this.last : second) & MASK]!;
  }
}
