import type { Logger, Transport } from '@agentwire/core';
import type { GatewaySettings } from './commands/gateway-settings.ts';
import { stockTransports } from './stock-transports.ts';

/** Settings that name keys and certificates towards agents, and their content. */
type TlsSettings = Pick<GatewaySettings, 'tlsFlags' | 'nameOfTls' | 'files'>;

/** Stock transports of a gateway whose keys and certificates may be replaced: what is dialled from then on uses the new ones. */
export class GatewayTransports {
  readonly #deps: { readonly logger: Logger; readonly example: string };
  #stock: readonly Transport[];
  /** Transports that stay the same, whatever replaces those behind them. */
  readonly all: readonly Transport[];

  /** @throws UsageError for a file that cannot be read */
  constructor(settings: TlsSettings, deps: { readonly logger: Logger; readonly example: string }) {
    this.#deps = deps;
    this.#stock = this.#make(settings);
    this.all = this.#stock.map(({ name, schemes, dials }, at) => {
      const now = (): Transport => this.#stock[at] as Transport;
      return {
        name,
        schemes,
        dials,
        connect: (address, options) => now().connect(address, options),
        listen: (address, options) => now().listen(address, options),
      };
    });
  }

  /** Replaces keys and certificates. @returns function that takes that back. @throws UsageError for a file that cannot be read */
  replace(settings: TlsSettings): () => void {
    const before = this.#stock;
    this.#stock = this.#make(settings);
    return () => {
      this.#stock = before;
    };
  }

  #make({ tlsFlags, nameOfTls, files }: TlsSettings): readonly Transport[] {
    const { logger, example } = this.#deps;
    return stockTransports({ ...tlsFlags, nameOfTls, readFile: files.read, logger }, example);
  }
}
