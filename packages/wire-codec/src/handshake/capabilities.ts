import { DEFAULT_CAPABILITIES, type Capabilities, type Hello } from '@agentwire/core';
import { capabilitiesOf } from '@agentwire/core/internal';
import { fromDocumentedCapabilities, isDocumentedShape, toDocumentedCapabilities } from './documented-capabilities.ts';
import type { JsonObject } from './read-fields.ts';
import { fromZentinelCapabilities, toZentinelCapabilities } from './zentinel-capabilities.ts';

/** Shape of a handshake's fields; `union` has those of both dialects. */
export type HandshakeShape = 'documented' | 'zentinel' | 'union';

/** The capabilities of `self` in `shape`; the default ones where it has none. */
export function writeCapabilities(shape: HandshakeShape, self: Hello): JsonObject {
  const capabilities = self.capabilities ?? DEFAULT_CAPABILITIES;
  return {
    ...(shape === 'documented' ? undefined : toZentinelCapabilities(self, capabilities)),
    ...(shape === 'zentinel' ? undefined : toDocumentedCapabilities(capabilities)),
  };
}

/**
 * Reads capabilities of either shape or of both merged. Where both are present, the documented flags decide the fields
 * they have, and the zentinel fields the rest. Absent capabilities are the defaults; a list without events means all events.
 *
 * @param features the peer's `supported_features`
 * @throws AgentwireError `ERR_PROTOCOL` for a field of the wrong type.
 */
export function readCapabilities(from: JsonObject | undefined, features: readonly string[]): Capabilities {
  return capabilitiesOf(from && readStated(from, features));
}

function readStated(from: JsonObject, features: readonly string[]): Capabilities {
  if (!isDocumentedShape(from)) return fromZentinelCapabilities(from);
  const documented = fromDocumentedCapabilities(from, features);
  if (!('features' in from)) return documented;
  const { events, streaming, cancellation, maxConcurrentRequests } = documented;
  return { ...fromZentinelCapabilities(from), events, streaming, cancellation, maxConcurrentRequests };
}
