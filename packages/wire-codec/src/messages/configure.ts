import { id } from './id-kind.ts';
import { asObject, isWireObject, own } from './kind.ts';
import type { Mapping } from './mapping.ts';
import { text } from './scalar-kinds.ts';
import { inside } from './fault.ts';

const WRAPPER = new Set(['correlation_id', 'config', 'config_version']);

/**
 * A configuration. The documented dialect wraps it. In the zentinel dialect the crate's proxy sends the operator's
 * object with `correlation_id` beside its keys, and the crate's agent reads nothing but `config` and `config_version`:
 * so an object with a `config` of its own goes out as it is, and anything else is put into `config`.
 */
export const configure: Mapping<'configure'> = {
  type: 'configure',
  write(message, form) {
    const { config, configVersion } = message;
    if (form.dialect === 'documented') {
      const version = configVersion === undefined ? {} : { config_version: configVersion };
      return { request_id: id.write(message.id, form), config: config ?? null, ...version };
    }
    const correlation = { correlation_id: id.write(message.id, form) };
    if (configVersion === undefined && isWireObject(config) && Object.hasOwn(config, 'config'))
      return { ...config, ...correlation };
    return { ...correlation, config: config ?? null, config_version: configVersion ?? null };
  },
  read(wire, form) {
    const object = asObject(wire);
    const name = form.dialect === 'documented' ? 'request_id' : 'correlation_id';
    const requestId = inside(name, () => id.read(own(object, name), form));
    const whole = form.dialect === 'zentinel' && Object.keys(object).some((key) => !WRAPPER.has(key));
    if (whole) {
      const config = Object.fromEntries(Object.entries(object).filter(([key]) => key !== 'correlation_id'));
      return { type: 'configure', id: requestId, config, configVersion: undefined };
    }
    const version = own(object, 'config_version') ?? undefined;
    const configVersion = version === undefined ? undefined : inside('config_version', () => text.read(version, form));
    return { type: 'configure', id: requestId, config: own(object, 'config') ?? null, configVersion };
  },
};
