import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Message } from '../../../src/messages/index.js';
import type { Foreseen, OtherLogs } from '../../../src/why/index.js';
import { requested } from '../../support/samples.js';
import { linesOf, WhyWorld } from '../../support/why-world.js';

const AT = '2026-11-29T09:00:00.000Z';
const PUSH: Message = { id: 'push-1', topic: 'org.example.git.receive', headers: {}, body: {} };

function logs(foreseen: Foreseen, parts: Partial<OtherLogs> = {}): OtherLogs {
  return {
    push: async (id) => (id === PUSH.id ? { message: PUSH, storedAt: AT } : null),
    dead: async () => null,
    foresee: async () => foreseen,
    ...parts,
  };
}

const refused: Foreseen = { kind: 'refused', refusal: { code: 'stranger', reason: 'no rule takes it' } };

describe('what became of a message', () => {
  it(
    'of ours: the build or the wave that it is about, and what it led to',
    WhyWorld.in(async (world) => {
      await world.make('base');
      await world.make('app', ['base']);
      const base = await world.make('base');
      const wave = await world.wave('base', ['app']);
      const lines = linesOf(await world.ask(base.end));
      assert.deepEqual(lines.slice(0, 2), [
        'container.build.completed, read and counted',
        `  ${base.build.nvr} completed`,
      ]);
      assert.equal(lines.at(-1), '  led to a wave of 1');
      const [opened] = await world.ask((await world.ask(wave.id))[0]?.ids.message ?? '');
      assert.equal(opened?.because[0]?.ids.wave, wave.id);
    }),
  );

  it(
    'of a push: what it led to, what it would lead to, and the rule that said no to the rest',
    WhyWorld.in(async (world) => {
      const asked = world.pushed('app', { cause: { message: PUSH.id } });
      const earlier = world.pushed('web', { cause: { message: 'another' } });
      const never = world.pushed('tool', { cause: { message: PUSH.id } });
      await world.say(requested(asked), requested(earlier));
      const decided: Foreseen = {
        kind: 'decided',
        builds: [asked, earlier, never],
        notBuilt: [
          {
            candidate: { component: 'docs', target: 'f41' },
            refusal: { code: 'paths_unchanged', reason: 'none of the changed paths' },
          },
        ],
        unsure: null,
      };
      const lines = linesOf(await world.ask(PUSH.id, { logs: logs(decided) }));
      assert.match(lines[1] ?? '', /^ {2}led to the build of f41\/app .* is requested$/);
      assert.ok(lines.some((line) => /f41\/web at this commit was asked for by another message/.test(line)));
      assert.ok(lines.some((line) => /f41\/tool would be asked for, and was not.*\[not_asked\]/.test(line)));
      assert.equal(lines.at(-1), '  f41/docs was not asked for: none of the changed paths [paths_unchanged]');
      assert.deepEqual(
        linesOf(
          await world.ask(PUSH.id, { logs: logs(refused, { push: async () => ({ message: PUSH, storedAt: AT }) }) }),
        ).slice(-1),
        ['  no rule takes it [stranger]'],
      );
    }),
  );

  it(
    'that the log of pushes has no more: what it led to all the same',
    WhyWorld.in(async (world) => {
      const app = await world.make('app', [], { cause: { message: 'gone' } });
      assert.deepEqual(linesOf(await world.ask('gone')), [
        'a message that the log of pushes has no more',
        `  led to ${app.build.nvr}, which is completed`,
      ]);
    }),
  );

  it(
    'of ours that counts for nothing, or that nobody could handle: why',
    WhyWorld.in(async (world) => {
      const sound = requested(world.pushed('app'));
      await world.say({
        ...sound,
        id: 'forged',
        body: { build: { ...(sound.body['build'] as object), component: 'other' } },
      });
      const lines = linesOf(await world.ask('forged'));
      assert.match(lines[0] ?? '', /that counts for nothing$/);
      assert.match(lines[1] ?? '', /inputs give .* \[skipped\]$/);
      const body = {
        code: 'push_invalid',
        reason: 'no repository\n  at stack',
        group: 'trigger',
        headers: {},
        content: '',
        encoding: 'utf8',
      };
      const dead = async () => ({ message: { ...PUSH, body }, storedAt: AT });
      assert.deepEqual(linesOf(await world.ask('a-dead-one', { logs: logs(refused, { dead }) })), [
        'a message to org.example.git.receive that trigger could not handle',
        '  no repository [push_invalid]',
      ]);
    }),
  );
});
