import { parseEndpoint } from '@agentwire/core';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

describe('parseEndpoint', () => {
  test.each([
    ['unix:/run/a.sock', 'unix', 'unix:/run/a.sock'],
    ['unix:///run/a.sock', 'unix', 'unix:/run/a.sock'],
    ['unix://///run/a.sock', 'unix', 'unix:/run/a.sock'],
    ['grpc+unix:/run/a.sock', 'grpc+unix', 'grpc+unix:/run/a.sock'],
    ['GRPC+unix:///run/a.sock', 'grpc+unix', 'grpc+unix:/run/a.sock'],
    ['grpc+unix:1', 'grpc+unix', 'grpc+unix:1'],
    ['unix:relative.sock', 'unix', 'unix:relative.sock'],
    ['/run/a.sock', 'unix', 'unix:/run/a.sock'],
    ['./a.sock', 'unix', 'unix:./a.sock'],
    ['localhost:50051', 'grpc', 'grpc://localhost:50051'],
    ['grpc://10.0.0.1:1', 'grpc', 'grpc://10.0.0.1:1'],
    ['http://waf', 'grpc', 'grpc://waf:80'],
    ['https://waf.example.test', 'grpcs', 'grpcs://waf.example.test:443'],
    ['https://waf:50051/', 'grpcs', 'grpcs://waf:50051'],
    ['grpcs://[::1]:50051', 'grpcs', 'grpcs://[::1]:50051'],
    ['tcp://127.0.0.1:0', 'tcp', 'tcp://127.0.0.1:0'],
    ['TLS://host:7', 'tls', 'tls://host:7'],
    ['memory:a', 'memory', 'memory:a'],
    ['memory:2', 'memory', 'memory:2'],
    ['worker:pool-1', 'worker', 'worker:pool-1'],
  ])('%s', (text, scheme, address) => {
    expect(parseEndpoint(text)).toMatchObject({ scheme, address });
    expect(parseEndpoint(address).address).toBe(address);
  });

  test.each([
    '',
    'waf',
    'grpc:host:1',
    'grpc://host',
    'grpc://host:99999',
    'grpc://user@host:1',
    'tcp://h:1/path',
    'unix:',
    'grpc+unix:',
    `grpc+unix:/${'x'.repeat(107)}`,
    'a b:1',
    'unix:/a\0b',
  ])('%j is not one, and the error lists the forms', (text) => {
    expect(() => parseEndpoint(text)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ADDRESS',
        message: expect.stringContaining('unix:PATH, grpc://HOST:PORT'),
      }),
    );
  });

  test('whatever it accepts it prints in a form that means the same', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        let first: ReturnType<typeof parseEndpoint>;
        try {
          first = parseEndpoint(text);
        } catch {
          return;
        }
        expect(parseEndpoint(first.address)).toEqual(first);
      }),
    );
  });
});
