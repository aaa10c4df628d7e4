import { id } from './id-codec.ts';
import type { MessageMapping } from './message-mapping.ts';
import { text } from './scalar-codecs.ts';
import { inside } from './decode-error.ts';
import { asObject, isWireObject, own } from './wire-object.ts';

const WRAPPER = new Set(['correlation_id', 'config', 'config_version']);

/**
 * A configuration. The documented dialect wraps it. In the zentinel dialect the crate's proxy sends the operator's
 * object with `correlation_id` beside its keys, and the crate's agent reads nothing but `config` and `config_version`:
 * so an object with a `config` of its own goes out as it is, and anything else is put into `config`.
 */
export const configure: MessageMapping<'configure'> = {
  type: 'configure',
  write(message, format) {
    const { config, configVersion } = message;
    if (format.dialect === 'documented') {
      const version = configVersion === undefined ? {} : { config_version: configVersion };
      return { request_id: id.write(message.id, format), config: config ?? null, ...version };
    }
    const correlation = { correlation_id: id.write(message.id, format) };
    if (configVersion === undefined && isWireObject(config) && Object.hasOwn(config, 'config'))
      return { ...config, ...correlation };
    return { ...correlation, config: config ?? null, config_version: configVersion ?? null };
  },
  read(wire, format) {
    const object = asObject(wire);
    const name = format.dialect === 'documented' ? 'request_id' : 'correlation_id';
    const requestId = inside(name, () => id.read(own(object, name), format));
    const whole = format.dialect === 'zentinel' && Object.keys(object).some((key) => !WRAPPER.has(key));
    if (whole) {
      const config = Object.fromEntries(Object.entries(object).filter(([key]) => key !== 'correlation_id'));
      return { type: 'configure', id: requestId, config, configVersion: undefined };
    }
    const version = own(object, 'config_version') ?? undefined;
    const configVersion =
      version === undefined ? undefined : inside('config_version', () => text.read(version, format));
    return { type: 'configure', id: requestId, config: own(object, 'config') ?? null, configVersion };
  },
};
