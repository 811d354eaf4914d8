/**
 * What `doctor` leaves behind: `<data>/doctor/<wallet>.<host>.json`, the pass (or failure) of one wallet at one venue, and
 * `<data>/doctor/<host>.venue.json`, the venue's rules as they were when a person last accepted them.
 */
import { dirname, join } from "node:path";
import { z } from "zod";
import { OperationError } from "../../core/errors.ts";

const recordSchema = z.strictObject({
  format: z.literal("poly-edge/doctor/1"),
  wallet: z.string(),
  host: z.string(),
  /** Wall time, ms since the epoch. */
  atMs: z.int(),
  ok: z.boolean(),
  /** Names of the checks that failed. */
  failed: z.array(z.string()),
  /** SHA-256 of the venue's rules at that time; null when they could not be read. */
  rules: z.string().nullable(),
});
export type DoctorRecord = z.infer<typeof recordSchema>;

const rulesSchema = z.strictObject({
  format: z.literal("poly-edge/venue-rules/1"),
  host: z.string(),
  acceptedAtMs: z.int(),
  /** Rule by name, for example `btc-5m.fee`: `rate 0.07, exponent 1, takers`. */
  rules: z.record(z.string(), z.string()),
});
export type AcceptedRules = z.infer<typeof rulesSchema>;

/** Host and port of a CLOB in a file's name. */
export const hostOf = (clob: string): string => new URL(clob).host.replaceAll(":", "-");

export const doctorFolder = (dataDir: string): string => join(dataDir, "doctor");
export const recordPath = (dataDir: string, wallet: string, clob: string): string =>
  join(doctorFolder(dataDir), `${wallet.toLowerCase()}.${hostOf(clob)}.json`);
export const rulesPath = (dataDir: string, clob: string): string =>
  join(doctorFolder(dataDir), `${hostOf(clob)}.venue.json`);

/** A file that is absent, torn or of another form says nothing: null. */
function read<T>(path: string, schema: z.ZodType<T>): T | null {
  try {
    return schema.parse(JSON.parse(Deno.readTextFileSync(path)));
  } catch {
    return null;
  }
}

/** Replaces the file whole. Throws DOCTOR_WRITE_FAILED (exit 1). */
function write(path: string, value: unknown): void {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const beside = `${path}.new`;
    {
      using file = Deno.openSync(beside, { write: true, create: true, truncate: true, mode: 0o600 });
      const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
    }
    Deno.renameSync(beside, path);
  } catch (cause) {
    throw new OperationError({
      code: "DOCTOR_WRITE_FAILED",
      message: `Cannot keep the result of doctor in ${path}: ${
        cause instanceof Error ? cause.message : String(cause)
      }`,
      hint: "Check the folder of --data and its free space.",
      cause,
    });
  }
}

/** The last result for a wallet at a venue; null when there is none that can be trusted. */
export function readRecord(dataDir: string, wallet: string, clob: string): DoctorRecord | null {
  const record = read(recordPath(dataDir, wallet, clob), recordSchema);
  // A file copied under another name is no pass for that wallet.
  const own = record?.wallet === wallet.toLowerCase() && record.host === hostOf(clob);
  return own ? record : null;
}

export const writeRecord = (dataDir: string, clob: string, record: Omit<DoctorRecord, "format">): void =>
  write(recordPath(dataDir, record.wallet, clob), { format: "poly-edge/doctor/1", ...record });

export const readRules = (dataDir: string, clob: string): AcceptedRules | null =>
  read(rulesPath(dataDir, clob), rulesSchema);

export const writeRules = (dataDir: string, clob: string, rules: Omit<AcceptedRules, "format">): void =>
  write(rulesPath(dataDir, clob), { format: "poly-edge/venue-rules/1", ...rules });
