/**
 * AMQP 0-9-1 topic patterns: words split by dots, `*` is one word, `#` any number of words, none included.
 */
export interface TopicPattern {
  readonly text: string;
  matches(topic: string): boolean;
}

/** Compiles a pattern. Matching takes time in proportion to words × words at the worst, never more. */
export function topicPattern(text: string): TopicPattern {
  const words = text.split('.');
  if (!words.includes('*') && !words.includes('#')) return { text, matches: (topic) => topic === text };
  return { text, matches: (topic) => matchWords(words, topic.split('.')) };
}

/** Compiles several patterns into one question. */
export function anyTopic(patterns: readonly string[]): (topic: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !/(^|\.)[*#](\.|$)/.test(pattern)));
  const others = patterns.filter((pattern) => !exact.has(pattern)).map(topicPattern);
  return (topic) => exact.has(topic) || others.some((pattern) => pattern.matches(topic));
}

/** Row-by-row dynamic programme: `reach[i]` says whether the first i topic words can be eaten by the pattern so far. */
function matchWords(pattern: readonly string[], topic: readonly string[]): boolean {
  let reach: boolean[] = topic.map(() => false);
  reach = [true, ...reach];
  for (const word of pattern) {
    const next: boolean[] = [word === '#' && (reach[0] ?? false)];
    for (let i = 1; i <= topic.length; i += 1) {
      next[i] =
        word === '#'
          ? (reach[i] ?? false) || (next[i - 1] ?? false)
          : (reach[i - 1] ?? false) && (word === '*' || word === topic[i - 1]);
    }
    reach = next;
  }
  return reach[topic.length] ?? false;
}
