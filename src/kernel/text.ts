/**
 * What is done to texts of strangers, in a time that grows as their length does. A pattern that may begin anywhere and
 * then runs on (`x+$`, `[a-z]+:`) tries each of a million alike characters as its beginning: that takes minutes.
 */

/** Without what stands at its end and is, each alone, a `character`. */
export function withoutEnd(text: string, character: RegExp): string {
  let end = text.length;
  while (end > 0 && character.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** User and password of a URL (RFC 3986, userinfo). Greedy, so that a password that holds `@` goes whole. */
const LOGIN = /:\/\/[^/\s]*@/g;

/** A text whose URLs have `mark` in the place of user and password. */
export function withoutLogins(text: string, mark = '…'): string {
  return text.replace(LOGIN, `://${mark}@`);
}
