/** Lost pushes on each bus are built once by a replay; and what the command says, refuses and goes on with. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { LogEntry } from '../../src/bus/index.js';
import { formatDump, HEADER, type Message } from '../../src/messages/index.js';
import { CliFolder } from '../support/cli.js';
import { OWN_BROKERS, type OwnBroker } from '../support/own-brokers.js';
import { PREFIX, sampleCommit } from '../support/samples.js';
import { pushMessage, ServiceFolder } from '../support/service.js';
import { firstSkip, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry] = [requireEngine(), requireRegistry()];
const BUSES = [{ kind: 'embedded', skip: false, prepare: async () => null }, ...OWN_BROKERS] as const;
const DOCKERFILE = 'FROM scratch\nLABEL version="1"\nCOPY note /\n';

/** A line of `--json`. */
interface Line {
  readonly message?: string;
  readonly action?: string;
  readonly code?: string | null;
  readonly builds?: readonly { readonly build: string; readonly will: boolean; readonly code: string }[];
  readonly sum?: { readonly sent: number | null; readonly builds: number; readonly bad: number };
}

function linesOf(stdout: string): readonly Line[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

const willBuild = (lines: readonly Line[]): readonly string[] =>
  lines.flatMap(({ builds = [] }) => builds.filter(({ will }) => will).map(({ build }) => build)).sort();
const codesOf = (lines: readonly Line[]): readonly (string | undefined)[] =>
  lines.flatMap(({ builds = [] }) => builds.map(({ code }) => code));

describe('replay', { concurrency: true }, () => {
  for (const { kind, skip, prepare } of BUSES) {
    describe(`on ${kind}`, { skip: firstSkip(engine, registry) || skip }, () => {
      let broker: OwnBroker | null = null;
      let service: ServiceFolder;

      before(async () => {
        broker = await prepare();
        await broker?.start();
        const space = `flow-replay-${kind}-${process.pid}`;
        const where = broker === null ? {} : { bus: broker.url };
        service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, ...where });
      });
      after(async () => {
        await service?.close();
        await broker?.stop();
      });

      it('builds pushes that a trigger lost, as the dry run says, and once', () => lostPushes(service));
    });
  }
});

async function lostPushes(service: ServiceFolder): Promise<void> {
  const replay = async (...args: readonly string[]): Promise<readonly Line[]> => {
    const { code, stdout, stderr } = await service.cli('replay', '--json', ...args);
    assert.equal(code, 0, stderr);
    return linesOf(stdout);
  };
  const old = await service.push('web', { Dockerfile: DOCKERFILE, note: 'one' });
  const web = await service.push('web', { note: 'two' });
  const app = await service.push('app', { Dockerfile: DOCKERFILE, note: 'app' });
  const lost: string[] = [];
  const careless = await service.bus.consume(
    'trigger',
    async ({ message }) => {
      lost.push(message.id);
      return { kind: 'ack' };
    },
    { slots: 1 },
  );
  await until('a trigger has lost them', () => lost.length === 3);
  await careless.stop();

  const dry = await replay('--dry-run');
  assert.deepEqual(codesOf(dry), ['superseded', 'new', 'new']);
  assert.equal(dry.at(-1)?.sum?.sent, null);
  await service.start();
  const sent = await replay('--log', 'git', '--since', '1h');
  assert.deepEqual(willBuild(sent), willBuild(dry));
  assert.equal(sent.at(-1)?.sum?.sent, 2);

  const ends = [await service.said(web, 'completed'), await service.said(app, 'completed')];
  assert.deepEqual(ends.map(({ body }) => (body['build'] as { id: string }).id).sort(), willBuild(dry));
  const again = await replay();
  assert.deepEqual([willBuild(again), again.at(-1)?.sum?.sent], [[], 0]);
  if (service.bus.kind === 'embedded') await builtAnew(service, app, await replay('--component', 'app', '--force'));
  assert.equal((await service.stop()) ?? 0, 0);
  for (const commit of [web, app]) {
    const [{ build } = {}] = (await service.about(commit)).map(({ body }) => body as { build?: { id: string } });
    const own = (await service.about(commit)).filter(({ body }) => (body['build'] as { id: string }).id === build?.id);
    const topics = own.map(({ topic }) => topic.split('.').at(-1));
    assert.deepEqual(topics, ['requested', 'started', 'completed']);
  }
  assert.deepEqual(await service.about(old), []);
  const copies = (await entriesOf(service.bus, 'git')).filter(({ message }) => HEADER.replay in message.headers);
  assert.deepEqual(copies.map(({ message }) => message.id).sort(), [web, app].map((commit) => idOf(commit)).sort());

  function idOf(commit: string): string {
    return pushMessage(commit === app ? 'app' : 'web', commit).id;
  }
}

/** A forced replay asks for one build under a new id, which is made beside the first. */
async function builtAnew(service: ServiceFolder, commit: string, forced: readonly Line[]): Promise<void> {
  const [id, ...others] = willBuild(forced);
  assert.deepEqual([others, forced.at(-1)?.sum?.sent], [[], 1]);
  const end = await until('it is built anew', async () =>
    (await service.about(commit)).find(
      ({ topic, body }) => topic.endsWith('.completed') && (body['build'] as { id: string }).id === id,
    ),
  );
  const build = end.body['build'] as { nvr: string; cause: { type: string } };
  assert.equal(build.cause.type, 'replay');
  assert.match(build.nvr, /^app-1-1\.\d{14}\.f41$/);
}

async function entriesOf(bus: ServiceFolder['bus'], log: 'git' | 'ours'): Promise<readonly LogEntry[]> {
  const found: LogEntry[] = [];
  for await (const batch of bus.read(log, 'start')) found.push(...batch);
  return found;
}

describe('the command replay', () => {
  let cli: CliFolder;
  const messages = ['a', 'b', 'c', 'd', 'e'].map((name): Message => {
    const { id, body } = pushMessage(name, sampleCommit(name));
    return { id, topic: `${PREFIX}.git.receive`, headers: {}, body };
  });
  const dump = messages.map(formatDump).join('\n');

  before(async () => {
    cli = await CliFolder.make();
    await writeFile(join(cli.folder, 'dump.jsonl'), `${dump}\n`);
    await writeFile(
      join(cli.folder, 'bad.jsonl'),
      `${formatDump(messages[0] as Message)}\n{bad\n\u0000\n${formatDump(messages[1] as Message)}\n`,
    );
  });
  after(async () => {
    await cli?.close();
  });

  it('has its help, with examples', async () => {
    const { code, stdout } = await cli.run(['replay', '--help']);
    assert.equal(code, 0);
    for (const option of [
      '--log',
      '--dump',
      '--datagrepper',
      '--dry-run',
      '--force',
      '--after',
      '--strict',
      '--rate',
    ]) {
      assert.ok(stdout.includes(option), option);
    }
    assert.match(stdout, /Examples:\n {2}layerwright replay --since 2h --dry-run/);
  });

  it('shows what it would do as people read it, and does nothing', async () => {
    const stranger = { ...messages[0], id: 'odd', topic: 'org.example.weather', body: { rain: true } } as Message;
    const { code, stdout } = await cli.run(['replay', '--dump', '-', '--dry-run'], {
      stdin: `${dump}\n${formatDump(stranger)}`,
    });
    assert.equal(code, 0);
    assert.match(stdout, /^would build {2}f41\/a [0-9a-f]{7} → [0-9a-f-]{36}: not known yet \[new\] {2}\(line 1, /);
    assert.match(
      stdout,
      /\nnot {2}neither ours nor a push; --foreign sends it \[foreign\] {2}\(line 6, odd org\.example\.weather\)\n/,
    );
    assert.match(stdout, /\n5 messages would be sent; 5 builds would be asked for\n$/);
    assert.deepEqual(await entriesOf(await cli.bus(), 'git'), []);
  });

  it('reports bad lines with their numbers and replays the rest; strictly, nothing', async () => {
    const strict = await cli.run(['replay', '--dump', 'bad.jsonl', '--strict']);
    assert.equal(strict.code, 1);
    assert.match(
      strict.stderr,
      /line 2 is no JSON object\n.*line 3 is no JSON object\n.*nothing was sent: 2 lines are no message/,
    );
    const late = `${Array.from({ length: 300 }, (_, n) => formatDump({ ...messages[0], id: `${n}` } as Message)).join('\n')}\n{bad`;
    const limited = await cli.run(['replay', '--dump', '-', '--strict', '--limit', '1'], { stdin: late });
    assert.equal(limited.code, 1, 'a bad line counts wherever it is');
    assert.deepEqual(await entriesOf(await cli.bus(), 'git'), []);
    const { code, stdout } = await cli.run(['replay', '--dump', 'bad.jsonl', '--json']);
    assert.equal(code, 1);
    const { sum } = linesOf(stdout).at(-1) ?? {};
    assert.deepEqual([sum?.sent, sum?.bad], [2, 2]);
  });

  it('stops with Ctrl-C after the message in hand, and goes on where it stopped', async () => {
    const running = cli.start(['replay', '--dump', 'dump.jsonl', '--rate', '2']);
    await until('two are sent', () => (running.stdout.match(/^asks for/gm) ?? []).length >= 2);
    running.child.kill('SIGINT');
    const stopped = await running.ended;
    assert.equal(stopped.code, 130, stopped.stderr);
    const line = /it goes on with --after (\d)/.exec(stopped.stderr)?.[1];
    assert.ok(line !== undefined && Number(line) < 5, stopped.stderr);
    const rest = await cli.run(['replay', '--dump', 'dump.jsonl', '--json', '--after', line]);
    assert.deepEqual([rest.code, linesOf(rest.stdout).at(-1)?.sum?.sent], [0, 5 - Number(line)]);
    const run = (entry: LogEntry): string => String(entry.message.headers[HEADER.replay]);
    const copies = await entriesOf(await cli.bus(), 'git');
    const last = new Set(copies.slice(-5).map(run));
    const ids = copies.filter((entry) => last.has(run(entry))).map(({ message }) => message.id);
    assert.deepEqual(
      ids,
      messages.map(({ id }) => id),
    );
  });

  it('replays what an archive has, and says in a sentence when it has lost its mind', async () => {
    const server = createServer((request, response) => {
      const well = String(request.url).startsWith('/well/');
      const page = {
        raw_messages: messages.slice(0, 3).map((each) => JSON.parse(formatDump(each))),
        total: 3,
        pages: 1,
      };
      response.writeHead(200, { 'content-type': well ? 'application/json' : 'text/html' });
      response.end(well ? JSON.stringify(page) : '<html>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const args = ['replay', '--since', '1d', '--json', '--datagrepper'];
      const well = await cli.run([...args, `${url}/well`]);
      assert.deepEqual([well.code, linesOf(well.stdout).at(-1)?.sum?.sent], [0, 3], well.stderr);
      const ill = await cli.run([...args, `${url}/ill`]);
      assert.equal(ill.code, 69);
      assert.match(
        ill.stderr,
        /^layerwright: the archive http:\S+ answers with 200 and text\/html .* \[archive_unavailable\]\n/,
      );
    } finally {
      server.close();
    }
  });

  it('refuses what makes no sense, with a sentence', async () => {
    for (const [args, words] of [
      [['--dump', 'dump.jsonl', '--log', 'git'], /choose one of/],
      [['--datagrepper', 'file:///etc/passwd', '--since', '1d'], /no http or https URL/],
      [['--datagrepper', 'http://127.0.0.1:1'], /--since says where to begin/],
      [['--dump', 'absent.jsonl'], /absent\.jsonl can't be read/],
      [['--dump', 'dump.jsonl', '--after', '77'], /no message on line 77/],
      [['--build', 'nothing-1-1'], /there is no build "nothing-1-1"/],
      [['--rate', '0'], /Give a number/],
      [['--log', 'dead'], /Give one of ours, git/],
    ] as const) {
      const { code, stderr } = await cli.run(['replay', ...args]);
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, words);
    }
  });
});
