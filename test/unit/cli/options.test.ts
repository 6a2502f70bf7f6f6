import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findConfig } from '../../../src/cli/find-config.js';
import { parseCount, parsePair, parseSince } from '../../../src/cli/options.js';

const NOW = new Date('2026-11-23T10:00:00Z');

describe('options', () => {
  it('take a time as ISO or as how long ago', () => {
    assert.equal(parseSince('10m', NOW).toISOString(), '2026-11-23T09:50:00.000Z');
    assert.equal(parseSince('3d', NOW).toISOString(), '2026-11-20T10:00:00.000Z');
    assert.equal(parseSince('2026-11-01T00:00:00Z', NOW).toISOString(), '2026-11-01T00:00:00.000Z');
    for (const wrong of ['', 'yesterday', '10', '-1m', '2026-99-99']) assert.throws(() => parseSince(wrong, NOW));
  });

  it('take counts and pairs, and nothing near them', () => {
    assert.equal(parseCount('7'), 7);
    for (const wrong of ['0', '-1', '1.5', 'x', '']) assert.throws(() => parseCount(wrong));
    assert.deepEqual(parsePair('B=2=3', parsePair('A=1')), { A: '1', B: '2=3' });
    assert.throws(() => parsePair('=x'));
  });
});

describe('the configuration file', () => {
  const find = (named: string | undefined, env: Record<string, string>, ...there: string[]) =>
    findConfig(named, env, '/w', (path) => there.includes(path));

  it('is the named one, then the variable’s, then the first of the usual places', () => {
    assert.equal(find('a.yaml', { LAYERWRIGHT_CONFIG: 'b.yaml' }, '/w/a.yaml', '/w/b.yaml').path, '/w/a.yaml');
    assert.equal(find(undefined, { LAYERWRIGHT_CONFIG: 'b.yaml' }, '/w/b.yaml').path, '/w/b.yaml');
    assert.equal(find(undefined, {}, '/w/config/layerwright.yaml', '/w/layerwright.yaml').path, '/w/layerwright.yaml');
    assert.equal(find(undefined, {}, '/etc/layerwright/config.yaml').path, '/etc/layerwright/config.yaml');
    assert.equal(find(undefined, { LAYERWRIGHT_CONFIG: '' }).path, null);
  });

  it('is missed with a sentence when it was named', () => {
    assert.throws(() => find('a.yaml', {}), {
      code: 'usage',
      message: /\/w\/a\.yaml, named by --config, is not there/,
    });
    assert.throws(() => find(undefined, { LAYERWRIGHT_CONFIG: 'b.yaml' }), { code: 'usage' });
  });
});
