import { createRequire } from 'node:module';
import { AgentwireError } from '@agentwire/core';
import type { AST } from '@eslint-community/regexpp';

const require = createRequire(import.meta.url);

/** Numbers of UTF-16 units that a pattern looks at. */
export interface Reach {
  /** Shortest match. */
  readonly min: number;
  /** Longest match. */
  readonly max: number;
  /** Units that decide on a match, from its start on; with those that lookaheads read. */
  readonly ahead: number;
  /** Units before a match that decide on it. */
  readonly behind: number;
}

/** Longest string that one class of the `v` flag is taken to match: emoji sequences are shorter. */
const CLASS_STRING_UNITS = 64;

function ofSequence(elements: readonly AST.Element[], unit: number): Reach {
  let [min, max, ahead, behind] = [0, 0, 0, 0];
  for (const element of elements) {
    const reach = ofElement(element, unit);
    ahead = Math.max(ahead, max + reach.ahead);
    behind = Math.max(behind, reach.behind);
    min += reach.min;
    max += reach.max;
  }
  return { min, max, ahead, behind };
}

function ofAlternatives(alternatives: readonly AST.Alternative[], unit: number): Reach {
  const all = alternatives.map(({ elements }) => ofSequence(elements, unit));
  const largest = (name: keyof Reach): number => Math.max(...all.map((reach) => reach[name]));
  return {
    min: Math.min(...all.map((reach) => reach.min)),
    max: largest('max'),
    ahead: largest('ahead'),
    behind: largest('behind'),
  };
}

function ofAssertion(node: AST.Assertion, unit: number): Reach {
  if (node.kind === 'lookahead') return { ...ofAlternatives(node.alternatives, unit), min: 0, max: 0 };
  if (node.kind === 'lookbehind') {
    const { max, ahead, behind } = ofAlternatives(node.alternatives, unit);
    return { min: 0, max: 0, ahead, behind: behind + max };
  }
  return { min: 0, max: 0, ahead: node.kind === 'start' ? 0 : 1, behind: node.kind === 'end' ? 0 : 1 };
}

function ofElement(node: AST.Element, unit: number): Reach {
  switch (node.type) {
    case 'Assertion':
      return ofAssertion(node, unit);
    case 'Group':
    case 'CapturingGroup':
      return ofAlternatives(node.alternatives, unit);
    case 'Quantifier': {
      const { min, max, ahead, behind } = ofElement(node.element, unit);
      const longest = max === 0 ? 0 : max * node.max;
      const rest = Math.max(0, node.max - 1);
      return { min: min * node.min, max: longest, ahead: rest === 0 || max === 0 ? ahead : max * rest + ahead, behind };
    }
    case 'Backreference':
      return { min: 0, max: Infinity, ahead: Infinity, behind: 0 };
    case 'CharacterClass':
    case 'ExpressionCharacterClass': {
      const strings = /\\q|\\p/i.test(node.raw) && node.type === 'CharacterClass' ? node.unicodeSets : false;
      const longest = strings || node.type !== 'CharacterClass' ? Math.max(CLASS_STRING_UNITS, node.raw.length) : unit;
      return { min: node.raw.includes('\\q') ? 0 : 1, max: longest, ahead: longest, behind: 0 };
    }
    case 'CharacterSet': {
      const longest = node.kind === 'property' && node.strings ? CLASS_STRING_UNITS : unit;
      return { min: 1, max: longest, ahead: longest, behind: 0 };
    }
    default:
      return { min: 1, max: unit, ahead: unit, behind: 0 };
  }
}

/**
 * Returns how much text decides on one match of a pattern.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for a pattern whose matches have no longest one, or that matches empty text
 */
export function reachOf(pattern: RegExp, maxUnits: number): Reach {
  // loaded when a pattern is given: most agents have none
  const { parseRegExpLiteral } = require('@eslint-community/regexpp') as typeof import('@eslint-community/regexpp');
  const { unicode, unicodeSets } = pattern;
  const reach = ofAlternatives(parseRegExpLiteral(pattern).pattern.alternatives, unicode || unicodeSets ? 2 : 1);
  if (reach.min === 0)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `the pattern ${String(pattern)} matches empty text`);
  if (Math.max(reach.ahead, reach.behind) > maxUnits) {
    const what = `the pattern ${String(pattern)} has no longest match of at most ${maxUnits} characters, which a body that streams needs; write {0,100} instead of *, {1,100} instead of +, and no \\1`;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', what);
  }
  return reach;
}
