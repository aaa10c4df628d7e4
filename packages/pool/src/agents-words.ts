/** Longest text of an agent in one field of a log line, in UTF-16 units. */
const MAX_FIELD_LENGTH = 1_024;
/** 32 of a handler, and the id of its request. */
const MAX_FIELDS = 33;
const MAX_LINE_LENGTH = 4_096;

/** Returns the begin of an agent's log line. */
export function boundedLine(text: string): string {
  return text.slice(0, MAX_LINE_LENGTH);
}

/** Returns the begin of a text that an agent gave for a log line or a message. */
export function boundedText(text: string): string;
export function boundedText(text: string | undefined): string | undefined;
export function boundedText(text: string | undefined): string | undefined {
  return text?.slice(0, MAX_FIELD_LENGTH);
}

/** Returns the first fields of an agent's log line, and the begin of each. */
export function boundedFields(fields: Readonly<Record<string, unknown>>): Record<string, string> {
  const some = Object.entries(fields).slice(0, MAX_FIELDS);
  return Object.fromEntries(some.map(([name, value]) => [boundedText(name), boundedText(String(value))]));
}
