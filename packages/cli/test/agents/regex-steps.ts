import { type AST, RegExpParser } from '@eslint-community/regexpp';

/** Goes on with the rest of a pattern at a place of the text. @returns whether the rest matches */
type Rest = (at: number) => boolean;

const SETS: Readonly<Record<string, RegExp>> = { digit: /\d/, space: /\s/, word: /\w/ };
const isWord = (letter: string | undefined): boolean => letter !== undefined && /\w/.test(letter);

/** Backtracking matcher that counts what it tries: the steps that an engine without optimisations takes. */
class StepCounter {
  steps = 0;
  readonly #text: string;
  readonly #foldsCase: boolean;

  constructor(text: string, foldsCase: boolean) {
    this.#text = text;
    this.#foldsCase = foldsCase;
  }

  alternatives(list: readonly AST.Alternative[], at: number, rest: Rest): boolean {
    return list.some(({ elements }) => this.#sequence(elements, 0, at, rest));
  }

  #sequence(elements: readonly AST.Element[], index: number, at: number, rest: Rest): boolean {
    const element = elements[index];
    if (element === undefined) return rest(at);
    return this.#element(element, at, (next) => this.#sequence(elements, index + 1, next, rest));
  }

  #element(element: AST.Element, at: number, rest: Rest): boolean {
    this.steps += 1;
    switch (element.type) {
      case 'Group':
      case 'CapturingGroup':
        return this.alternatives(element.alternatives, at, rest);
      case 'Quantifier':
        return this.#repeat(element, 0, at, rest);
      case 'Assertion':
        return this.#holds(element, at) && rest(at);
      case 'Character':
      case 'CharacterSet':
      case 'CharacterClass': {
        const letter = this.#text[at];
        return letter !== undefined && this.#takes(element, letter) && rest(at + 1);
      }
      default:
        throw new Error(`the counter knows no ${element.type}`);
    }
  }

  #repeat(quantifier: AST.Quantifier, count: number, at: number, rest: Rest): boolean {
    const once = (next: number): boolean => next > at && this.#repeat(quantifier, count + 1, next, rest);
    const again = (): boolean => count < quantifier.max && this.#element(quantifier.element, at, once);
    const enough = (): boolean => count >= quantifier.min && rest(at);
    return quantifier.greedy ? again() || enough() : enough() || again();
  }

  #holds(assertion: AST.Assertion, at: number): boolean {
    if (assertion.kind === 'start') return at === 0;
    if (assertion.kind === 'end') return at === this.#text.length;
    if (assertion.kind === 'word') return (isWord(this.#text[at - 1]) !== isWord(this.#text[at])) !== assertion.negate;
    if (assertion.kind === 'lookahead')
      return this.alternatives(assertion.alternatives, at, () => true) !== assertion.negate;
    throw new Error('the counter knows no lookbehind');
  }

  #takes(element: AST.Character | AST.CharacterSet | AST.CharacterClass, letter: string): boolean {
    if (element.type === 'Character') return this.#isSame(element.value, letter);
    if (element.type === 'CharacterSet') return SETS[element.kind]?.test(letter) ?? element.kind === 'any';
    const found = element.elements.some((one) => {
      if (one.type === 'Character') return this.#isSame(one.value, letter);
      if (one.type === 'CharacterClassRange') return this.#isBetween(one.min.value, one.max.value, letter);
      if (one.type === 'CharacterSet') return SETS[one.kind]?.test(letter) ?? false;
      throw new Error(`the counter knows no ${one.type}`);
    });
    return found !== element.negate;
  }

  #isSame(value: number, letter: string): boolean {
    const wanted = String.fromCodePoint(value);
    return wanted === letter || (this.#foldsCase && wanted.toLowerCase() === letter.toLowerCase());
  }

  #isBetween(min: number, max: number, letter: string): boolean {
    const forms = this.#foldsCase ? [letter.toLowerCase(), letter.toUpperCase()] : [letter];
    return forms.some((form) => form.charCodeAt(0) >= min && form.charCodeAt(0) <= max);
  }
}

/** Counts the steps in which every match of a pattern in a text is found by backtracking. */
export function stepsOf(pattern: RegExp, text: string): number {
  const { alternatives } = new RegExpParser().parsePattern(pattern.source);
  const counter = new StepCounter(text, pattern.flags.includes('i'));
  for (let at = 0; at <= text.length; at += 1) counter.alternatives(alternatives, at, () => true);
  return counter.steps;
}
