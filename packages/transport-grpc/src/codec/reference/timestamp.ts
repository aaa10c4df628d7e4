import { AgentwireError } from '@agentwire/core';

const DAY_MS = 86_400_000;

/** Below zero once a character that is no digit was read: one check at the end is cheaper than one for each. */
let range = 0;

function two(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  range |= tens | ones | (9 - tens) | (9 - ones);
  return tens * 10 + ones;
}

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

let lastDate = -1;
let lastDateMs = 0;

/** Milliseconds of a date; those of one day follow each other. */
function dateMs(year: number, month: number, day: number): number {
  const date = (year * 100 + month) * 100 + day;
  if (date !== lastDate) {
    lastDateMs = daysFromCivil(year, month, day) * DAY_MS;
    lastDate = date;
  }
  return lastDateMs;
}

const SHORTEST = '1970-01-01T00:00:00Z'.length;

/** Milliseconds of an RFC 3339 time, read digit by digit; what is finer than a millisecond is cut. −1 when it is none. */
export function parseTimestamp(text: string): number {
  if (text.length < SHORTEST) return -1;
  if (text[4] !== '-' || text[7] !== '-' || text[13] !== ':' || text[16] !== ':') return -1;
  range = 0;
  const date = dateMs(two(text, 0) * 100 + two(text, 2), two(text, 5), two(text, 8));
  const time = two(text, 11) * 3_600_000 + two(text, 14) * 60_000 + two(text, 17) * 1000;
  let at = 19;
  let fraction = 0;
  if (text[at] === '.') {
    let scale = 100;
    for (at += 1; at < text.length; at++) {
      const digit = text.charCodeAt(at) - 48;
      if (digit < 0 || digit > 9) break;
      fraction += digit * scale;
      scale = scale === 100 ? 10 : scale === 10 ? 1 : 0;
    }
  }
  const value = date + time + fraction - offsetMs(text, at);
  return range >= 0 && value >= 0 ? value : -1;
}

function offsetMs(text: string, at: number): number {
  const sign = text[at];
  if (sign === 'Z' || sign === 'z') return at + 1 === text.length ? 0 : Number.NaN;
  if ((sign !== '+' && sign !== '-') || text[at + 3] !== ':' || text.length !== at + 6) return Number.NaN;
  const offset = two(text, at + 1) * 3_600_000 + two(text, at + 4) * 60_000;
  return sign === '+' ? offset : -offset;
}

/** Makes a timestamp field; an empty text is 0. @throws AgentwireError `ERR_INVALID_ARGUMENT` for what is no RFC 3339 time. */
export function toTimestampMs(text: string): number {
  if (text === '') return 0;
  const value = parseTimestamp(text);
  if (value >= 0) return value;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', 'metadata.timestamp must be an RFC 3339 time since 1970, or empty');
}

const HOUR_MS = 3_600_000;
const TWO_DIGITS = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'));

let lastHour = Number.NaN;
let lastPrefix = '';

/** The RFC 3339 text of a timestamp field, in UTC with milliseconds; 0 is empty text. NaN or past the year 9999: undefined. */
export function formatTimestamp(ms: number): string | undefined {
  if (ms === 0) return '';
  if (!(ms < 253_402_300_800_000)) return undefined;
  const hour = Math.floor(ms / HOUR_MS);
  if (hour !== lastHour) {
    lastPrefix = new Date(hour * HOUR_MS).toISOString().slice(0, 14);
    lastHour = hour;
  }
  const rest = ms - hour * HOUR_MS;
  const milli = rest % 1000;
  const second = (rest - milli) / 1000;
  const minutes = TWO_DIGITS[Math.floor(second / 60)];
  return `${lastPrefix}${minutes}:${TWO_DIGITS[second % 60]}.${milli < 10 ? '00' : milli < 100 ? '0' : ''}${milli}Z`;
}
