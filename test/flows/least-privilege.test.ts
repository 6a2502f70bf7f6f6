/** Each role a process of its own, on a RabbitMQ where its user has the rights of docs/operations.md and no more. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import type { BuildCompletedV1 } from '../../src/messages/index.js';
import { type AmqpVhost, makeVhost, vhostSkip } from '../support/amqp-vhost.js';
import { amqpRights, BUS_ROLES } from '../support/bus-roles.js';
import { busYaml } from '../support/bus-yaml.js';
import { SERVICE_PREFIX, ServiceFolder, type ServiceProcess } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];
const ROLES = ['trigger', 'builder', 'planner'] as const;

suite('Roles with few rights', { skip: vhostSkip() || firstSkip(engine, registry, busybox) }, () => {
  let vhost: AmqpVhost;
  let service: ServiceFolder;
  const started: ServiceProcess[] = [];

  before(async () => {
    vhost = await makeVhost();
    const space = `flow-rights-${process.pid}`;
    // Opening it makes everything; the roles may make nothing.
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, bus: vhost.url });
    const config = await readFile(service.config, 'utf8');
    for (const role of ROLES) {
      const url = await vhost.addUser(amqpRights(BUS_ROLES[role], SERVICE_PREFIX));
      const passive = busYaml(url).replace(/ }$/, ', passive_declares: true }');
      const changed = config.replace(busYaml(vhost.url), passive);
      assert.notEqual(changed, config);
      await writeFile(service.config, changed);
      started.push(await service.run(role));
    }
  });
  after(async () => {
    await service?.close();
    await vhost?.remove();
  });

  test('build what is pushed', async () => {
    const program = await readFile(busybox.url);
    const commit = await service.push('few', {
      Dockerfile: 'FROM scratch\nLABEL version="1.0"\nCOPY busybox /bin/busybox\n',
      busybox: program,
    });
    const { build } = (await service.said(commit, 'completed')).body as unknown as BuildCompletedV1;
    assert.equal(build.nvr, 'few-1.0-1.f41');
    for (const { stderr } of started) assert.doesNotMatch(stderr, /permission|may not use/);
  });
});
