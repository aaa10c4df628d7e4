import { createMemoryTransport } from '@agentwire/transport-memory';
import { describe } from 'vitest';
import reference from '../../src/agents/reference.ts';
import { stage } from './play.ts';
import { referenceTable } from './reference-table.ts';

describe('reference agent over memory', () => referenceTable(() => stage(reference)));
describe('reference agent over memory with text ids', () =>
  referenceTable(() => stage(reference, createMemoryTransport({ ids: 'text' }))));
