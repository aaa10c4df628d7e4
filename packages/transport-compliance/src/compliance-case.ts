import type { KitFeature } from './feature.ts';
import type { Kit } from './kit/kit.ts';

/** One rule of the contract and the test that shows whether it holds. */
export interface ComplianceCase {
  /** Stable name: `group.rule`. */
  readonly id: string;
  /** The rule, in words. */
  readonly rule: string;
  /** Features that the case needs. */
  readonly needs: readonly KitFeature[];
  run(kit: Kit): Promise<void>;
}

/** Makes one case. */
export function rule(
  id: string,
  text: string,
  run: (kit: Kit) => Promise<void>,
  ...needs: readonly KitFeature[]
): ComplianceCase {
  return { id, rule: text, needs, run };
}
