/** The word among a build's messages whose topic ends so (`completed`, `skipped`) and that is last on the log; null when there is none. */
export function lastTold<Said extends { readonly topic: string; readonly seq: number }>(
  { messages }: { readonly messages: readonly Said[] },
  word: string,
): Said | null {
  const said = messages.filter(({ topic }) => topic.endsWith(`.build.${word}`));
  return said.reduce<Said | null>((last, one) => (last === null || one.seq > last.seq ? one : last), null);
}
