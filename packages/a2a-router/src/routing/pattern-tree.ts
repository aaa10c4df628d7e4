/** One pattern and what is kept for it. */
interface Node<T> {
  readonly words: Map<string, Node<T>>;
  here: T | undefined;
}

/** Values by topic pattern; finding those that match a topic costs by the words of the topic, not by the number of patterns. */
export class PatternTree<T> {
  readonly #root: Node<T> = { words: new Map(), here: undefined };

  /** Keeps a value for a pattern. */
  set(pattern: string, value: T): void {
    let node = this.#root;
    for (const word of pattern.split('.')) {
      let next = node.words.get(word);
      if (next === undefined) {
        next = { words: new Map(), here: undefined };
        node.words.set(word, next);
      }
      node = next;
    }
    node.here = value;
  }

  /** Forgets a pattern. */
  delete(pattern: string): void {
    const path: { readonly node: Node<T>; readonly word: string }[] = [];
    let node = this.#root;
    for (const word of pattern.split('.')) {
      const next = node.words.get(word);
      if (next === undefined) return;
      path.push({ node, word });
      node = next;
    }
    node.here = undefined;
    for (const step of path.toReversed()) {
      const child = step.node.words.get(step.word);
      if (child === undefined || child.here !== undefined || child.words.size > 0) return;
      step.node.words.delete(step.word);
    }
  }

  /** Gives every value whose pattern matches a topic without wildcards. */
  match(topic: string, found: (value: T) => void): void {
    walk(this.#root, topic.split('.'), 0, found);
  }
}

function walk<T>(node: Node<T>, words: readonly string[], at: number, found: (value: T) => void): void {
  const word = words[at];
  if (word === undefined) {
    if (node.here !== undefined) found(node.here);
    return;
  }
  const rest = node.words.get('>')?.here;
  if (rest !== undefined) found(rest);
  const exact = node.words.get(word);
  if (exact !== undefined) walk(exact, words, at + 1, found);
  const any = node.words.get('*');
  if (any !== undefined) walk(any, words, at + 1, found);
}
