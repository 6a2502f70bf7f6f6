import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inWorld } from '../../support/ledger-world.js';
import { requested, sampleBuild, sampleCommit } from '../../support/samples.js';

test(
  'a build is itself, whichever builds were looked for before',
  inWorld(async ({ bus, open }) => {
    const builds = [1, 2, 3].map((n) => sampleBuild({ source: { commit: sampleCommit(`commit ${n}`) } }));
    for (const build of builds) await bus.publish(requested(build));
    await (await open()).close();
    // Opened again, it has the builds in its file only.
    const ledger = await open();
    for (const sought of builds) {
      for (const asked of builds) {
        assert.deepEqual(
          ledger.find(sought.id).map(({ id }) => id),
          [sought.id],
        );
        assert.equal(ledger.build(asked.id)?.id, asked.id);
      }
    }
  }),
);
