import { nkeys } from '@nats-io/transport-node';

/** A fresh nkey of a user: what the server is told, and the seed that the user keeps in a file. */
export function createUserKey(): { readonly publicKey: string; readonly seed: string } {
  const pair = nkeys.createUser();
  return { publicKey: pair.getPublicKey(), seed: Buffer.from(pair.getSeed()).toString() };
}
