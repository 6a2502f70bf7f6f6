import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  cancelCommand,
  canceled,
  failed,
  requested,
  requestedCascade,
  sampleBuild,
  sampleDigest,
  sampleWave,
  skipped,
  started,
  waveOpened,
  withNvr,
} from '../../support/samples.js';
import { idsOf, linesOf, WhyWorld } from '../../support/why-world.js';

const ADVICE = 'A step of the Dockerfile failed. The detail holds its last lines, the log all of them. [null]';

/** The sentences without commits, so that a test can name them. */
const said = (lines: readonly string[]): readonly string[] =>
  lines.map((line) => line.replace(/(is|at) [0-9a-f]{12,40}/g, '$1 C').replace(/sha256:[0-9a-f]+…/g, 'D'));

describe('why a build', () => {
  it(
    'was rebuilt: down over the wave and each parent that changed to the push, with the ids to ask on',
    WhyWorld.in(async (world) => {
      await world.make('base');
      await world.make('left', ['base']);
      await world.make('right', ['base']);
      await world.make('top', ['left', 'right']);
      const old = world.last.get('base');
      const base = await world.make('base');
      const wave = await world.wave('base', ['left', 'right', 'top']);
      const left = await world.rebuilt('left', wave.id, ['base']);
      const right = await world.rebuilt('right', wave.id, ['base']);
      const top = await world.rebuilt('top', wave.id, ['left', 'right']);

      const answer = await world.ask(top.build.nvr ?? '');

      const nvr = (made: typeof top): string => made.build.nvr ?? '';
      const change = `f41/base changed from ${old?.build.nvr} to ${nvr(base)}: D → D`;
      const opened = `wave of 3 opened as f41/base is ${nvr(base)}; it goes on`;
      assert.deepEqual(said(linesOf(answer)), [
        `${nvr(top)} completed`,
        `  asked for as a rebuild: New: ${nvr(left)}, ${nvr(right)}`,
        `    ${opened}`,
        '      the message that told of the change',
        `  f41/left changed from left-1-4.f41 to ${nvr(left)}: D → D`,
        `    ${nvr(left)} completed`,
        `      asked for as a rebuild: New: ${nvr(base)}`,
        `        ${opened} (as above)`,
        `      ${change}`,
        `        ${nvr(base)} completed`,
        '          asked for by a push',
        '            push by ralph: f41 of https://src.example.org/container/base.git is C',
        `  f41/right changed from right-1-6.f41 to ${nvr(right)}: D → D`,
        `    ${nvr(right)} completed`,
        `      asked for as a rebuild: New: ${nvr(base)}`,
        `        ${opened} (as above)`,
        `      ${change}`,
        `        ${nvr(base)} completed (as above)`,
      ]);
      const ids = new Set(idsOf(answer));
      for (const id of [
        top.build.id,
        top.digest,
        top.end,
        wave.id,
        wave.message,
        base.digest,
        base.build.cause.message,
      ])
        assert.ok(ids.has(id ?? ''), `${id} is not named`);
      // By its id, a beginning of it, or the digest of its image it is the same build.
      assert.deepEqual(linesOf(await world.ask(top.build.id)), linesOf(answer));
      assert.deepEqual(linesOf(await world.ask(top.build.id.slice(0, 8))), linesOf(answer));
      const [image] = await world.ask(top.digest);
      assert.deepEqual(linesOf(image?.because ?? []), linesOf(answer));
    }),
  );

  it(
    'stands on what it does, of a push',
    WhyWorld.in(async (world) => {
      const base = await world.make('base');
      const app = await world.make('app', ['base', 'foreign']);
      assert.deepEqual(said(linesOf(await world.ask(app.build.id))).slice(3), [
        `  stands on registry.example.org/f41/base:latest, made by ${base.build.nvr}`,
        '  stands on registry.example.org/f41/foreign:latest, which no build of ours made',
      ]);
    }),
  );

  it(
    'failed, waits, runs, or was called off: the rule, and who said so',
    WhyWorld.in(async (world) => {
      const base = sampleBuild({ component: 'base' });
      await world.say(requested(base), failed(base));
      const waiting = world.pushed('app');
      await world.say(
        requested(waiting),
        skipped(waiting, { code: 'waiting_for', message: 'Not begun.', waitingFor: ['base', 'ghost'] }),
      );
      assert.deepEqual(said(linesOf(await world.ask(waiting.id))).slice(0, 6), [
        'the build of f41/app at C was not begun',
        '  Not begun. [waiting_for]',
        '    waits for f41/base: the build of f41/base at C is failed',
        '      failed in the step build: Step 3 (RUN make) ended with exit code 2. [build_failed]',
        `        ${ADVICE.replace(' [null]', '')}`,
        '    waits for f41/ghost, of which no build is known',
      ]);
      const first = world.pushed('web');
      const second = world.pushed('web');
      await world.say(
        requested(first),
        requested(second),
        canceled(first, 'superseded', second.id),
        started(withNvr(second)),
      );
      assert.deepEqual(said(linesOf(await world.ask(first.id))).slice(0, 2), [
        'the build of f41/web at C was called off',
        '  a newer commit takes its place: web-2.4-17.f41, which is started [superseded]',
      ]);
      assert.equal(
        said(linesOf(await world.ask(second.id)))[0],
        'web-2.4-17.f41 is being built: attempt 1 on builder.example.org',
      );
      const asked = world.pushed('tool', {
        cause: { type: 'person', key: 'k', message: null, agent: 'ann', reason: 'to see' },
      });
      const command = cancelCommand(asked.id, 'ralph', 'wrong branch');
      await world.say(requested(asked));
      assert.deepEqual(said(linesOf(await world.ask(asked.id))), [
        'the build of f41/tool at C is asked for and not begun',
        '  no process has begun it; it waits in the lane of people [not_begun]',
        '  asked for by ann: to see',
      ]);
      await world.say(command, canceled(asked, 'requested'));
      const answer = await world.ask(asked.id);
      assert.equal(linesOf(answer)[1], '  called off by ralph: wrong branch [canceled]');
      assert.ok(idsOf(answer).includes(command.id));
    }),
  );

  it(
    'was rebuilt for an image that is not ours, or by a schedule: of neither a message tells',
    WhyWorld.in(async (world) => {
      await world.make('base');
      const [watched, due] = [sampleWave('watched'), sampleWave('due')];
      const outside = [
        { name: 'quay.io/x/debian:12', digest: sampleDigest('debian'), seen_at: '2026-01-01T00:00:00Z' },
      ];
      await world.say(
        waveOpened(['f41/base'], watched, { outside }),
        waveOpened(['f41/base'], due, { due: ['f41/base'] }),
      );
      assert.deepEqual(said(linesOf(await world.ask(watched.id))).slice(0, 1), [
        'wave of 1 opened as quay.io/x/debian:12, which is not ours, is D in its registry; it goes on',
      ]);
      const ofDue = await world.ask(due.id);
      assert.equal(linesOf(ofDue)[0], 'wave of 1 opened as f41/base is older than its schedule allows; it goes on');
      assert.ok(!idsOf(ofDue).includes(due.message));
    }),
  );

  it(
    'was refused by the trigger, or stopped by a parent in its wave: by which, and why that failed',
    WhyWorld.in(async (world) => {
      const refused = world.pushed('old');
      await world.say(skipped(refused, { code: 'target_closed', message: 'the target is closed', waitingFor: [] }));
      assert.deepEqual(said(linesOf(await world.ask(refused.id))).slice(0, 3), [
        'the build of f41/old at C was not begun',
        '  the target is closed [target_closed]',
        '  wanted by a push',
      ]);
      for (const [name, on] of [
        ['base', []],
        ['left', ['base']],
        ['right', ['base']],
        ['top', ['left', 'right']],
      ] as const)
        await world.make(name, on);
      await world.make('base');
      const wave = await world.wave('base', ['left', 'right', 'top']);
      await world.rebuilt('left', wave.id, ['base']);
      const right = await world.rebuild('right', wave.id);
      await world.say(requestedCascade(right), failed(right));
      const top = await world.rebuild('top', wave.id);
      await world.say(skipped(top, { code: 'parent_failed', message: 'It is not rebuilt.', waitingFor: [] }));
      assert.deepEqual(linesOf(await world.ask(top.id)).slice(1, 4), [
        '  It is not rebuilt. [parent_failed]',
        '    its parent f41/right failed',
        '      failed in the step build: Step 3 (RUN make) ended with exit code 2. [build_failed]',
      ]);
    }),
  );

  it(
    'can not be told of a beginning that fits several, or of nothing',
    WhyWorld.in(async (world) => {
      await world.make('base');
      assert.deepEqual(await world.ask('nobody'), []);
      assert.deepEqual(await world.ask('registry.example.org/f41/nobody:1'), []);
      assert.deepEqual(await world.ask('base', { target: 'f42' }), []);
    }),
  );
});
