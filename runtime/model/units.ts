// Durations and sizes as people write them ("5m", "64MiB") and as the program keeps them (whole milliseconds, bytes).
// A number without a unit is refused: nobody can tell whether 30 is seconds or milliseconds.

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number;

const DURATION_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_BYTES = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 } as const;

export const durationUnits = Object.keys(DURATION_MS);
export const sizeUnits = Object.keys(SIZE_BYTES);

/** "250ms", "30s", "5m", "1h", "1d" as whole milliseconds; undefined for anything else, zero included. */
export function parseDurationMs(text: string): number | undefined {
  return parseUnit(text, DURATION_MS);
}

/** "512B", "64KiB", "16MiB", "1GiB" as bytes; undefined for anything else, zero included. */
export function parseSizeBytes(text: string): number | undefined {
  return parseUnit(text, SIZE_BYTES);
}

function parseUnit(text: string, units: Record<string, number>): number | undefined {
  const match = /^([1-9][0-9]{0,11})([A-Za-z]+)$/.exec(text);
  if (match === null) return undefined;
  const factor = Object.hasOwn(units, match[2] ?? "") ? units[match[2] ?? ""] : undefined;
  if (factor === undefined) return undefined;
  const value = Number(match[1]) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The shortest exact spelling in one unit: 90000 is "90s", 1500 is "1500ms". */
export function formatDuration(ms: number): string {
  return formatUnit(Math.round(ms), DURATION_MS);
}

/** The shortest exact spelling in one unit: 67108864 is "64MiB". */
export function formatSize(bytes: number): string {
  return formatUnit(Math.round(bytes), SIZE_BYTES);
}

function formatUnit(value: number, units: Record<string, number>): string {
  const fitting = Object.entries(units).filter(([, factor]) => value >= factor && value % factor === 0);
  const [unit, factor] = fitting.at(-1) ?? (Object.entries(units)[0] as [string, number]);
  return `${value / factor}${unit}`;
}

/** ISO 8601 in UTC with milliseconds. */
export function isoTime(at: EpochMs): string {
  return new Date(at).toISOString();
}
