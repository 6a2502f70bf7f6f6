import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failed, requestedCascade } from '../../support/samples.js';
import { linesOf, WhyWorld } from '../../support/why-world.js';

/** The rules of an answer, in order. */
const rules = (lines: readonly string[]): readonly string[] =>
  lines.flatMap((line) => /\[([a-z_]+)\]$/.exec(line)?.[1] ?? []);

describe('why a component', () => {
  it(
    'is up to date: on which images, and one that was built anew and holds the same is no reason to rebuild it',
    WhyWorld.in(async (world) => {
      await world.make('base', [], {}, 'the same');
      const app = await world.make('app', ['base', 'foreign']);
      const lines = linesOf(await world.ask('app'));
      assert.deepEqual(lines.slice(0, 4), [
        `f41/app is ${app.build.nvr}`,
        '  it is up to date [up_to_date]',
        '    stands on registry.example.org/f41/base:latest, base-1-2.f41',
        '    stands on registry.example.org/f41/foreign:latest, which no build of ours makes',
      ]);
      await world.make('base', [], {}, 'the same');
      assert.deepEqual(rules(linesOf(await world.ask('app'))), ['up_to_date', 'same_content']);
    }),
  );

  it(
    'is out of date: quiet time, then the wave and its parents there, and that nobody opens one when it is time',
    WhyWorld.in(async (world) => {
      await world.make('base');
      await world.make('left', ['base']);
      await world.make('top', ['left', 'base']);
      const base = await world.make('base');
      assert.deepEqual(rules(linesOf(await world.ask('left'))), ['out_of_date', 'quiet']);
      const [left] = await world.ask('left');
      assert.equal(left?.because[0]?.because.at(-1)?.ids.message, base.end);
      // Above it the same is told of what it stands on.
      assert.deepEqual(rules(linesOf(await world.ask('top'))), ['out_of_date', 'quiet', 'out_of_date', 'quiet']);
      world.pass(400_000);
      assert.deepEqual(rules(linesOf(await world.ask('left'))), ['out_of_date', 'no_wave']);
      const wave = await world.wave('base', ['left', 'top']);
      const waits = linesOf(await world.ask('top'));
      assert.deepEqual(rules(waits).slice(0, 2), ['out_of_date', 'in_wave']);
      assert.ok(waits.includes('      f41/left is not asked for yet'), waits.join('\n'));
      const asked = await world.rebuild('left', wave.id);
      await world.say(requestedCascade(asked));
      assert.ok(linesOf(await world.ask('top')).includes('      f41/left is requested'));
      assert.deepEqual(rules(linesOf(await world.ask('left'))).slice(0, 2), ['out_of_date', 'under_way']);
      await world.say(failed(asked));
      assert.deepEqual(rules(linesOf(await world.ask('left'))).slice(0, 3), ['out_of_date', 'tried', 'build_failed']);
    }),
  );

  it(
    'is never rebuilt by itself: left out, or stands on itself',
    WhyWorld.in(async (world) => {
      await world.make('base');
      await world.make('app', ['base']);
      await world.make('base');
      assert.deepEqual(rules(linesOf(await world.ask('app', { isOut: () => true }))), [
        'left_out',
        'out_of_date',
        'left_out',
      ]);
      await world.make('one', ['two']);
      await world.make('two', ['one']);
      await world.make('one', ['two']);
      await world.make('two', ['base']);
      await world.make('two', ['one']);
      await world.make('one', ['one', 'two']);
      await world.make('two', ['one']);
      assert.ok(rules(linesOf(await world.ask('one'))).includes('cycle'));
    }),
  );

  it(
    'has no image, is known in several targets, or is named by its image',
    WhyWorld.in(async (world) => {
      const build = world.pushed('app');
      await world.say(requestedCascade(build), failed(build));
      assert.deepEqual(linesOf(await world.ask('app')).slice(0, 1), ['f41/app has no image yet']);
      await world.make('app', [], { target: 'f42' });
      const both = await world.ask('app');
      assert.deepEqual(
        both.map(({ kind }) => kind),
        ['component', 'component'],
      );
      assert.equal((await world.ask('app', { target: 'f42' })).length, 1);
      const httpd = await world.make('httpd');
      for (const name of [
        'candidate.example.org/f41/httpd:latest',
        'f41/httpd:latest',
        'f41/httpd',
        'registry.example.org/f41/httpd:latest',
      ]) {
        const [image] = await world.ask(name);
        assert.equal(image?.ids.digest, httpd.digest, name);
      }
    }),
  );

  it(
    'is no image of ours: who stands on it',
    WhyWorld.in(async (world) => {
      const app = await world.make('app', ['foreign']);
      const [answer] = await world.ask(world.parent('foreign').digest);
      assert.match(answer?.text ?? '', /made by no build of ours/);
      assert.deepEqual(
        answer?.because.map(({ ids }) => ids.build),
        [app.build.id],
      );
    }),
  );
});
