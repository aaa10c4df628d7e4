import { connect } from 'node:net';
import { MeasuredLoad } from '../http/measured-load.ts';

// node load-downloads.ts URL CONNECTIONS SECONDS: each connection downloads 16 MiB and starts over

const DOWNLOAD_BYTES = 16 * 1024 ** 2;
const HEAD_END = '\r\n\r\n';
/** End of a body in chunks. */
const BODY_END = '\r\n0\r\n\r\n';

const [url = '', connections, seconds] = process.argv.slice(2);
const { hostname, port, host, pathname } = new URL(url);
const HEAD = `GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\n\r\n`;
const load = new MeasuredLoad();

for (let n = 0; n < Number(connections); n++) {
  let since = 0;
  /** Bytes that have still to come, without the framing of chunks; `undefined` before the head is whole. */
  let left: number | undefined;
  let isChunked = false;
  let tail = '';
  const latin1 = (bytes: Uint8Array, from: number, to: number): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
  const onRead = (bytes: number, buffer: Uint8Array): boolean => {
    if (left === undefined) {
      const text = latin1(buffer, 0, Math.min(bytes, 4096));
      const end = text.indexOf(HEAD_END);
      if (!text.startsWith('HTTP/1.1 200') || end < 0) return !socket.destroy().destroyed;
      isChunked = /^transfer-encoding: chunked/im.test(text.slice(0, end));
      left = DOWNLOAD_BYTES + end + HEAD_END.length;
    }
    left -= bytes;
    tail = (tail + latin1(buffer, Math.max(0, bytes - BODY_END.length), bytes)).slice(-BODY_END.length);
    if (left > 0 || (isChunked && tail !== BODY_END)) return true;
    load.done(since);
    begin();
    return true;
  };
  const socket = connect({
    port: Number(port),
    host: hostname,
    onread: { buffer: Buffer.allocUnsafeSlow(256 * 1024), callback: onRead },
  });
  const begin = (): void => {
    since = performance.now();
    left = undefined;
    socket.write(HEAD);
  };
  socket.on('connect', begin);
  socket.on('error', () => undefined).on('close', () => load.failed());
}
await load.report(Number(seconds));
