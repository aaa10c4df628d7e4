import { AgentwireError } from '@agentwire/core';

const DAY_MS = 86_400_000;

const digit = (text: string, at: number): number => {
  const value = text.charCodeAt(at) - 48;
  return value >= 0 && value <= 9 ? value : Number.NaN;
};
const two = (text: string, at: number): number => digit(text, at) * 10 + digit(text, at + 1);

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

let lastText = '';
let lastMs = 0;

/** Milliseconds of an RFC 3339 time, read digit by digit; what is finer than a millisecond is cut. −1 when it is none. */
export function parseTimestamp(text: string): number {
  if (text === lastText) return lastMs;
  const date = daysFromCivil(two(text, 0) * 100 + two(text, 2), two(text, 5), two(text, 8)) * DAY_MS;
  const time = two(text, 11) * 3_600_000 + two(text, 14) * 60_000 + two(text, 17) * 1000;
  if (text[4] !== '-' || text[7] !== '-' || text[13] !== ':' || text[16] !== ':') return -1;
  let at = 19;
  let fraction = 0;
  if (text[at] === '.') {
    let scale = 100;
    for (at += 1; digit(text, at) >= 0; at++) {
      fraction += Math.floor(digit(text, at) * scale);
      scale = scale > 1 ? scale / 10 : 0;
    }
  }
  const value = date + time + fraction - offsetMs(text, at);
  if (!(value >= 0)) return -1;
  lastText = text;
  lastMs = value;
  return value;
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

let lastSecond = Number.NaN;
let lastPrefix = '';

/** The RFC 3339 text of a timestamp field, in UTC with milliseconds; 0 is empty text. NaN or past the year 9999: undefined. */
export function formatTimestamp(ms: number): string | undefined {
  if (ms === 0) return '';
  if (!(ms < 253_402_300_800_000)) return undefined;
  const second = Math.floor(ms / 1000);
  if (second !== lastSecond) {
    lastPrefix = new Date(second * 1000).toISOString().slice(0, 20);
    lastSecond = second;
  }
  const rest = ms - second * 1000;
  return `${lastPrefix}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
}
