/** What stands between the scheme and the host of a URL. Greedy, so that a password that holds `@` goes whole. */
const LOGIN = /([a-z][a-z0-9+.-]*:\/\/)[^/\s]*@/gi;

/** A text whose URLs have lost user and password. */
export function withoutLogin(text: string): string {
  return text.replace(LOGIN, '$1…@');
}
