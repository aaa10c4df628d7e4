import type { Exchange } from './upstream-messages.ts';

/** Returns lines as text. Those of one head mostly are parts of one buffer, which is decoded once: a call per line is 1 % of a request. */
export function linesAsText(raw: Exchange['rawHeaders']): string[] {
  const [first] = raw;
  const last = raw.at(-1);
  if (first === undefined || last === undefined || typeof first === 'string' || typeof last === 'string')
    return raw as string[];
  const { buffer, byteOffset: begin } = first;
  const length = last.byteOffset + last.length - begin;
  const isOne = (raw as readonly Buffer[]).every(
    (part) => part.buffer === buffer && part.byteOffset >= begin && part.byteOffset + part.length <= begin + length,
  );
  if (!isOne) return (raw as readonly Buffer[]).map((part) => part.toString('latin1'));
  const text = Buffer.from(buffer, begin, length).toString('latin1');
  return (raw as readonly Buffer[]).map((part) => {
    const at = part.byteOffset - begin;
    return text.slice(at, at + part.length);
  });
}
