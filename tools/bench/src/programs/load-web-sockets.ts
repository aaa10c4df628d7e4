import { connect } from 'node:net';
import { MeasuredLoad } from '../http/measured-load.ts';
import { CLIENT_FRAME, SERVER_FRAME_BYTES } from '../raw/web-socket-frames.ts';

// node load-web-sockets.ts URL CONNECTIONS SECONDS: sends messages that are answered, four at a time on each connection

const AT_A_TIME = 4;
const END = '\r\n\r\n';

const [url = '', connections, seconds] = process.argv.slice(2);
const { hostname, port, host, pathname } = new URL(url);
const HEAD =
  `GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
  'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const load = new MeasuredLoad();

for (let n = 0; n < Number(connections); n++) {
  const socket = connect(Number(port), hostname, () => socket.write(HEAD)).setNoDelay(true);
  const begins: number[] = [];
  let head: string | undefined = '';
  let bytes = 0;
  const send = (): void => {
    begins.push(performance.now());
    socket.write(CLIENT_FRAME);
  };
  socket.on('error', () => undefined).on('close', () => load.failed());
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (head !== undefined) {
      head += chunk.toString('latin1');
      if (!head.startsWith('HTTP/1.1 101')) return socket.destroy();
      if (!head.includes(END)) return undefined;
      bytes = head.length - head.indexOf(END) - END.length;
      head = undefined;
      for (let sent = 0; sent < AT_A_TIME; sent++) send();
    }
    for (; bytes >= SERVER_FRAME_BYTES; bytes -= SERVER_FRAME_BYTES) {
      load.done(begins.shift() ?? 0);
      send();
    }
    return undefined;
  });
}
await load.report(Number(seconds));
