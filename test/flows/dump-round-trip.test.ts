/** A dump goes into each bus and comes out of it as it was, so that what was recorded on one can be played on another. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CATALOG, formatDump, type Message, type MessageName } from '../../src/messages/index.js';
import { BUS_PLACES } from '../support/bus-places.js';
import { busYaml } from '../support/bus-yaml.js';
import { CliFolder } from '../support/cli.js';
import { recorded, recordedNames } from '../support/recorded.js';
import { oneOfEach } from '../support/samples.js';

const OURS = (Object.entries(oneOfEach()) as [MessageName, Message][])
  .filter(([name]) => CATALOG[name].logged)
  // A build has one end, and one id for it; here both ends are wanted.
  .map(([name, message]) => (name === 'build.failed.v1' ? { ...message, id: 'another-end' } : message));
const PUSHES = recordedNames()
  .map((name) => ({ ...recorded(name), id: name }))
  .filter(({ topic }) => topic.endsWith('.git.receive'));

describe('publish and record', () => {
  for (const { kind, skip, make } of BUS_PLACES) {
    test(`give back a dump on the ${kind} bus, message by message`, { skip }, async () => {
      const place = await make();
      const cli = await CliFolder.make({ bus: busYaml(place.address) });
      try {
        const [ours, pushes] = [OURS.map(formatDump), PUSHES.map(formatDump)];
        assert.ok(pushes.length >= 5, 'there are pushes among the recorded messages');
        await writeFile(join(cli.folder, 'dump.jsonl'), `${[...pushes, ...ours].join('\n')}\n`);
        const published = await cli.run(['publish', 'dump.jsonl']);
        assert.equal(published.code, 0, published.stderr);
        assert.match(published.stdout, new RegExp(`published ${ours.length + pushes.length} messages`));

        const again = await cli.run(['record', '--output', 'again.jsonl']);
        assert.equal(again.code, 0, again.stderr);
        const only = async (pattern: string): Promise<readonly unknown[]> =>
          read((await cli.run(['record', '--topic', pattern])).stdout);
        assert.deepEqual(await only('#.git.receive'), PUSHES.map(asRead), 'pushes, in their order');
        assert.deepEqual(await only('#.container.#'), OURS.map(asRead), 'ours, in their order');
        const compared = await CliFolder.make();
        try {
          const copied = await compared.run(['publish', join(cli.folder, 'again.jsonl')]);
          assert.equal(copied.code, 0, copied.stderr);
          const there = read((await compared.run(['record'])).stdout);
          assert.deepEqual(byId(there), byId([...PUSHES, ...OURS].map(asRead)));
        } finally {
          await compared.close();
        }
      } finally {
        await cli.close();
        await place.remove();
      }
    });
  }
});

/** A dump's messages. A header's place among the others has no meaning: RabbitMQ's streams sort them. */
function read(text: string): readonly { readonly id: string }[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const asRead = (message: Message) => read(formatDump(message))[0] ?? assert.fail('a dump of one message has a line');

function byId(messages: readonly { readonly id: string }[]): readonly unknown[] {
  return [...messages].sort((a, b) => (a.id < b.id ? -1 : 1));
}
