import { AgentwireError, type Dialect, type MessageType, type Role } from '@agentwire/core';

import { HANDSHAKE_BYTES, TYPE_ROWS, type TypeRow } from './message-types.ts';

/** Message types of one connection by byte. */
export interface TypeTable {
  /** Types by the bytes that the peer may send; `undefined` for every other byte, see {@link refuse}. */
  readonly incoming: readonly (MessageType | undefined)[];
  /** Bytes by outgoing type; one that the dialect does not have is missing. */
  readonly outgoing: ReadonlyMap<MessageType, number>;
  /**
   * Checks a byte that is not in {@link incoming}; returns for one that neither dialect knows.
   *
   * @throws AgentwireError `ERR_PROTOCOL` for a byte of the other direction, of the other dialect, or of a feature that
   * was not negotiated: the two sides disagree about the meaning of the bytes.
   */
  refuse(byte: number): void;
}

const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;

function refusal(byte: number, dialect: Dialect, self: Role, features: readonly string[]): AgentwireError | undefined {
  const refuse = (why: string): AgentwireError =>
    new AgentwireError('ERR_PROTOCOL', why, { detail: { byte, dialect } });
  const row = TYPE_ROWS[dialect].find((one) => one.byte === byte);
  if (row === undefined) {
    const handshake = HANDSHAKE_BYTES[byte];
    if (handshake !== undefined) return refuse(`a ${handshake} (type ${hex(byte)}) came after the handshake was done`);
    const other = dialect === 'documented' ? 'zentinel' : 'documented';
    const known = TYPE_ROWS[other].find((one) => one.byte === byte);
    if (known === undefined) return undefined;
    return refuse(
      `type ${hex(byte)} is ${known.type} of the ${other} dialect, but this connection speaks the ${dialect} dialect`,
    );
  }
  if (row.from === self)
    return refuse(`${row.type} (type ${hex(byte)}) came from the wrong side: only the ${self} sends it`);
  if (row.feature !== undefined && !features.includes(row.feature)) {
    return refuse(`${row.type} (type ${hex(byte)}) came, but feature ${row.feature} was not negotiated`);
  }
  return undefined;
}

const acceptable = (row: TypeRow, self: Role, features: readonly string[]): boolean =>
  row.from !== self && (row.feature === undefined || features.includes(row.feature));

/**
 * Builds the table of one connection.
 *
 * @param self the role of this side
 * @param features features that both sides offered in the handshake
 */
export function createTypeTable(dialect: Dialect, self: Role, features: readonly string[]): TypeTable {
  const incoming: (MessageType | undefined)[] = Array.from({ length: 256 }, () => undefined);
  const outgoing = new Map<MessageType, number>();
  for (const row of TYPE_ROWS[dialect]) {
    if (acceptable(row, self, features)) incoming[row.byte] ??= row.type;
    outgoing.set(row.type, row.byte);
  }
  outgoing.delete('bodyMutation');
  return {
    incoming,
    outgoing,
    refuse(byte) {
      const error = refusal(byte, dialect, self, features);
      if (error !== undefined) throw error;
    },
  };
}
