const CODES = { green: 32, red: 31, yellow: 33, blue: 34, cyan: 36, grey: 90, bold: 1 } as const;
export type Colour = keyof typeof CODES;

/** Colours a text, or leaves it where colours are not wanted. */
export type Paint = (colour: Colour, text: string) => string;

export function painter(colours: boolean): Paint {
  return (colour, text) => (colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text);
}

const OF_STATE: Readonly<Record<string, Colour>> = {
  requested: 'cyan',
  opened: 'cyan',
  started: 'blue',
  completed: 'green',
  failed: 'red',
  canceled: 'yellow',
  skipped: 'grey',
};

/** The colour that a state has everywhere. */
export function colourOfState(state: string): Colour {
  return OF_STATE[state] ?? 'bold';
}
