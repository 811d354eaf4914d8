/** 32-byte words of ABI encoding, written in place: what a struct hash is made of. Nothing here allocates. */
import { invariant } from "../../../core/errors.ts";

export const WORD = 32;

/** A buffer of whole words that is written again and again. */
export class WordBuffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly view: DataView;

  constructor(words: number, tail = 0) {
    this.bytes = new Uint8Array(words * WORD + tail);
    this.view = new DataView(this.bytes.buffer);
  }

  /** A non-negative integer below 2^53. Only the last eight bytes of the word are written: the rest must be zero. */
  setNumber(word: number, value: number): void {
    const at = word * WORD + 24;
    const high = Math.floor(value / 0x1_0000_0000);
    this.view.setUint32(at, high);
    this.view.setUint32(at + 4, value - high * 0x1_0000_0000);
  }

  setBytes(word: number, value: Uint8Array): void {
    this.bytes.set(value, word * WORD);
  }
}

const HEX_32 = /^0x[0-9a-fA-F]{64}$/;
const HEX_20 = /^0x[0-9a-fA-F]{40}$/;

const hexBytes = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(hex.slice(2));

/** bytes32 in 0x hex. */
export function word32(hex: string): Uint8Array<ArrayBuffer> {
  invariant(HEX_32.test(hex), `a bytes32 is 0x and 64 hex digits, not ${hex.length} characters`);
  return hexBytes(hex);
}

/** An address in 0x hex, padded on the left. */
export function addressWord(address: string): Uint8Array<ArrayBuffer> {
  invariant(HEX_20.test(address), `an address is 0x and 40 hex digits, not ${address.length} characters`);
  const word = new Uint8Array(WORD);
  word.set(hexBytes(address), 12);
  return word;
}

/** A uint256 in decimal. */
export function uintWord(decimal: string): Uint8Array<ArrayBuffer> {
  invariant(/^\d{1,78}$/.test(decimal), "a uint256 is written in up to 78 decimal digits");
  const hex = BigInt(decimal).toString(16);
  invariant(hex.length <= 64, "a uint256 is below 2^256");
  return word32(`0x${hex.padStart(64, "0")}`);
}

/** Lower-case hex without 0x. */
export const hexOf = (bytes: Uint8Array): string => bytes.toHex();
