import { connect } from 'node:http2';
import { MeasuredLoad } from '../http/measured-load.ts';

// node load-http2.ts URL STREAMS SECONDS: keeps so many streams open, 16 to a connection

const STREAMS_PER_CONNECTION = 16;

const [url = '', streams, seconds] = process.argv.slice(2);
const { origin, pathname, search } = new URL(url);
const load = new MeasuredLoad();

for (let open = 0; open < Number(streams); open += STREAMS_PER_CONNECTION) {
  const session = connect(origin);
  session.on('error', () => load.failed());
  const ask = (): void => {
    const since = performance.now();
    const stream = session.request({ ':path': pathname + search, 'user-agent': 'bench', accept: '*/*' });
    let status: number | undefined;
    stream.on('response', (headers) => (status = headers[':status'])).resume();
    stream.on('error', () => undefined);
    stream.on('close', () => {
      if (status === 200) load.done(since);
      else load.failed();
      if (!load.over && !session.destroyed) ask();
    });
  };
  for (let n = 0; n < Math.min(STREAMS_PER_CONNECTION, Number(streams) - open); n++) ask();
}
await load.report(Number(seconds));
