import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createUdsTransport } from '@agentwire/transport-uds';
import { afterAll, beforeAll, describe } from 'vitest';
import reference from '../../src/agents/reference.ts';
import { stage } from './play.ts';
import { referenceTable } from './reference-table.ts';

let folder = '';
let sockets = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aw-agents-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const socket = (): string => `unix:${join(folder, `${++sockets}.sock`)}`;

describe('reference agent over Unix sockets', () =>
  referenceTable(() => stage(reference, createUdsTransport(), socket())));
describe('reference agent over gRPC', () =>
  referenceTable(() => stage(reference, createGrpcTransport(), 'grpc://127.0.0.1:0')));
