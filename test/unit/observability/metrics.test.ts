import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMetrics } from '../../../src/observability/index.js';
import { collect } from '../../support/collect.js';
import { until } from '../../support/until.js';

test('whatever stands in dead letters, there are no more series of them than a hundred and one', async () => {
  const metrics = await openMetrics('0.1.0');
  for (let at = 0; at < 5_000; at += 1) metrics.deadLettered(`code_${at}`);
  metrics.deadLettered('code_7');
  const series = (await metrics.text()).match(/^layerwright_dead_letters_total\{.*$/gm) ?? [];
  assert.equal(series.length, 101);
  assert.ok(series.includes('layerwright_dead_letters_total{code="code_7"} 2'));
  assert.ok(series.includes('layerwright_dead_letters_total{code="other"} 4900'));
});

test('what a full collection leaves of the heap is shown, garbage is not', async () => {
  const metrics = await openMetrics('0.1.0');
  const shown = async (): Promise<number> =>
    Number(/^layerwright_nodejs_heap_size_after_gc_bytes (\S+)$/m.exec(await metrics.text())?.[1]);
  let garbage: unknown = Array.from({ length: 1_000_000 }, (_, at) => ({ at }));
  const withIt = collect();
  const before = await until('a first collection', async () => (await shown()) || undefined);
  assert.ok(Math.abs(before - withIt) < 8_000_000, `${before} is shown of ${withIt}`);
  assert.ok(garbage);
  garbage = null;
  const without = collect();
  assert.ok(without < withIt - 16_000_000);
  await until('the next one', async () => Math.abs((await shown()) - without) < 8_000_000 || undefined);
});
