import { OPTION, type OptionTable } from '@agentwire/core/internal';
import type { AccessLogFormat } from './access-format.ts';

/** Access log in a gateway's YAML file. */
export interface AccessLogFile {
  /** File to append to, relative to the working directory, or `-` for stdout; default stderr. */
  readonly file?: string | undefined;
  /** Default `json`; on stderr `combined`, unless everything there is JSON. */
  readonly format?: AccessLogFormat | undefined;
  /** Logs queries of paths and of referers, which may contain tokens; default `false`. */
  readonly query?: boolean | undefined;
}

/** Checks of an {@link AccessLogFile}. */
export const ACCESS_LOG_FILE: OptionTable<AccessLogFile> = {
  file: OPTION.text,
  format: OPTION.oneOf('json', 'combined'),
  query: OPTION.boolean,
};
