import { mkdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { type Entry, TOP } from './entries.ts';

/** Text of the report of one entry point: each exported name with its declaration. @throws if the entry is not built */
export function reportOf(entry: Entry, scratch: string): string {
  mkdirSync(scratch, { recursive: true });
  const config = ExtractorConfig.prepare({
    configObjectFullPath: join(entry.folder, 'api-extractor.json'),
    packageJsonFullPath: join(entry.folder, 'package.json'),
    configObject: {
      projectFolder: entry.folder,
      mainEntryPointFilePath: entry.types,
      newlineKind: 'lf',
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2024',
            lib: ['es2024', 'esnext.disposable', 'esnext.iterator'],
            module: 'nodenext',
            moduleResolution: 'nodenext',
            strict: true,
            skipLibCheck: true,
            types: ['node'],
          },
          files: [entry.types],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: basename(entry.report, '.api.md'),
        reportFolder: scratch,
        reportTempFolder: join(scratch, 'temp'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
  Extractor.invoke(config, { localBuild: true, messageCallback: (message) => void (message.handled = true) });
  return readFileSync(join(scratch, basename(entry.report)), 'utf8').replaceAll(`${dirname(TOP)}/`, '');
}

/** Number of names that a report's entry point exports. */
export const namesIn = (report: string): number =>
  (report.match(/^export (?!\*|\{)/gm)?.length ?? 0) +
  [...report.matchAll(/^export \{([^}]*)\}/gm)].reduce(
    (sum, [, names = '']) => sum + names.split(',').filter((one) => one.trim() !== '').length,
    0,
  );
