import type { ProxyEvent } from './proxy-wire.ts';
import type { ProxyUnderTest } from './under-test.ts';

/** Tests for a chunk of a request body. */
export const isBody = ({ kind }: ProxyEvent): boolean => kind === 'requestChunk';

/** Sends one request through the proxy. @returns its HTTP status and the events that it caused */
export async function eventsOf(under: ProxyUnderTest, path: string, body?: string): Promise<[number, ProxyEvent[]]> {
  const before = new Set(under.events);
  const { status } = await under.drive(path, body);
  return [status, under.events.filter((event) => !before.has(event))];
}
