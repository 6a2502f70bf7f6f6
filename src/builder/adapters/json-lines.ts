import { isJsonObject, type JsonObject } from '../../kernel/json.js';

const NEWLINE = 0x0a;

/**
 * The JSON objects of a stream, one a line, as engines send progress and events. A line over `maxBytes` and what is no
 * JSON object are left out: an engine's progress is no place to fail a build. Errors of the stream come out as they
 * are; a stream that was cut off before its end throws `ERR_STREAM_PREMATURE_CLOSE` or `ECONNRESET`.
 */
export async function* jsonLines(stream: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<JsonObject> {
  let kept: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      const part = bytes.subarray(start, end);
      start = end + 1;
      const object =
        length + part.length > maxBytes ? null : parse(length === 0 ? part : Buffer.concat([...kept, part]));
      kept = [];
      length = 0;
      if (object !== null) yield object;
    }
    const rest = bytes.subarray(start);
    length += rest.length;
    if (length <= maxBytes) kept.push(rest);
    else kept = [];
  }
  const last = length > maxBytes ? null : parse(Buffer.concat(kept));
  if (last !== null) yield last;
}

function parse(bytes: Buffer): JsonObject | null {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
