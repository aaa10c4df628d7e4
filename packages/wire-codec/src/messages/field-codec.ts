import type { WireFormat } from './wire-format.ts';

/** Codec of one kind of value: to the wire object and back. `read` throws a {@link DecodeError} for anything it cannot take. */
export interface FieldCodec<T> {
  /** Name in errors and in the generator. */
  readonly name: string;
  write(value: T, format: WireFormat): unknown;
  read(wire: unknown, format: WireFormat): T;
}
