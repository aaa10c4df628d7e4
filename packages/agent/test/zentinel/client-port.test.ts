import { expect, test } from 'vitest';
import { withClientPort } from '../../src/zentinel/released-proxy.ts';
import { head } from '../events.ts';

test.each([
  ['203.0.113.9:52011', 0, '203.0.113.9', 52_011],
  ['[2001:db8::1]:443', 0, '2001:db8::1', 443],
  ['2001:db8::1', 0, '2001:db8::1', 0],
  ['203.0.113.9', 0, '203.0.113.9', 0],
  ['203.0.113.9', 80, '203.0.113.9', 80],
  ['203.0.113.9:1', 80, '203.0.113.9:1', 80],
  ['203.0.113.9:99999', 0, '203.0.113.9:99999', 0],
  ['proxy.test:80', 0, 'proxy.test:80', 0],
  ['', 0, '', 0],
])('a client at %j with port %i is %j and %i', (clientIp, clientPort, address, port) => {
  const metadata = withClientPort({ ...head('c').metadata, clientIp, clientPort });
  expect([metadata.clientIp, metadata.clientPort]).toEqual([address, port]);
});
