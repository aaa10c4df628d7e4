/** A legal frame with content that costs more than it looks. */
export interface Bomb {
  readonly name: string;
  /** Type byte of its frame. */
  readonly type: number;
  readonly payload: Buffer;
  /** Longest allowed block of the event loop, in milliseconds. */
  readonly limitMs: number;
}

const MIB = 1024 * 1024;
const HEADERS = 0x10;
const CHUNK = 0x11;
const HEADERS_MS = 20;
const ANY_MS = 100;

function jsonBombs(): Bomb[] {
  const inside = (name: string, value: string): Bomb => ({
    name,
    type: HEADERS,
    payload: Buffer.from(`{"request_id":1,"correlation_id":"1","metadata":${value}}`),
    limitMs: HEADERS_MS,
  });
  const size = MIB - 200;
  const keys = Array.from({ length: 80_000 }, (_, at) => `"k${at}":0`)
    .join(',')
    .slice(0, size);
  return [
    inside('arrays in arrays', '['.repeat(size / 2) + ']'.repeat(size / 2)),
    inside('objects in objects', `${'{"a":'.repeat(size / 6)}0${'}'.repeat(size / 6)}`),
    inside('a wide array', `[${'0,'.repeat(size / 2 - 2)}0]`),
    inside('many keys', `{${keys.slice(0, keys.lastIndexOf(','))}}`),
    inside('escapes', `"${String.raw`\u0041`.repeat(size / 6)}"`),
    inside('a long number', '9'.repeat(size)),
    {
      name: '16 MiB of [ in a chunk',
      type: CHUNK,
      payload: Buffer.alloc(16 * MIB - 1, '['),
      limitMs: ANY_MS,
    },
    {
      name: '15 MiB of base64',
      type: CHUNK,
      payload: Buffer.from(
        `{"request_id":1,"correlation_id":"1","chunk_index":0,"is_last":true,"data":"${'A'.repeat(15 * MIB)}"}`,
      ),
      limitMs: ANY_MS,
    },
    {
      name: '16 MiB that is no base64',
      type: CHUNK,
      payload: Buffer.from(
        `{"request_id":1,"correlation_id":"1","chunk_index":0,"is_last":true,"data":"${'\\n'.repeat(7.9 * MIB)}"}`,
      ),
      limitMs: ANY_MS,
    },
  ];
}

function msgpackBombs(): Bomb[] {
  // {"request_id": 1, "metadata": …
  const head = Buffer.concat([
    Buffer.from([0x82, 0xaa]),
    Buffer.from('request_id'),
    Buffer.from([1, 0xa8]),
    Buffer.from('metadata'),
  ]);
  const inside = (name: string, ...value: Buffer[]): Bomb => ({
    name,
    type: HEADERS,
    payload: Buffer.concat([head, ...value]),
    limitMs: HEADERS_MS,
  });
  const size = MIB - 200;
  return [
    inside('arrays in arrays', Buffer.alloc(size, 0x91)),
    inside('maps in maps', Buffer.alloc(size, 0x81)),
    inside('an array of 2^32 - 1', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(size)),
    inside('a map of 2^32 - 1', Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(size)),
    inside('a text of 2^32 - 1', Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(size, 0x41)),
    inside('a wide array', Buffer.from([0xdd, 0, 0x0f, 0, 0]), Buffer.alloc(0x0f0000)),
    { name: '16 MiB of arrays in a chunk', type: CHUNK, payload: Buffer.alloc(16 * MIB - 1, 0x91), limitMs: ANY_MS },
    { name: '16 MiB of nil in a chunk', type: CHUNK, payload: Buffer.alloc(16 * MIB - 1, 0xc0), limitMs: ANY_MS },
  ];
}

/** The bombs of an encoding. */
export function bombsOf(encoding: string): readonly Bomb[] {
  return encoding === 'json' ? jsonBombs() : msgpackBombs();
}
