import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Message } from '../../src/messages/index.js';
import { CliFolder } from '../support/cli.js';
import {
  completed,
  failed,
  PREFIX,
  requested,
  sampleBuild,
  sampleCommit,
  sampleMessage,
  started,
  waveOpened,
  withNvr,
} from '../support/samples.js';
import { until } from '../support/until.js';

const COMMANDS = [
  'up',
  'run',
  'build',
  'try',
  'watch',
  'builds',
  'show',
  'why',
  'rebuild',
  'logs',
  'cancel',
  'publish',
  'record',
  'config',
  'doctor',
  'completion',
];

describe('the command line', () => {
  let cli: CliFolder;
  beforeEach(async () => {
    cli = await CliFolder.make();
  });
  afterEach(() => cli.close());

  const build = withNvr(sampleBuild());
  const store = async (...messages: readonly Message[]): Promise<void> => {
    const bus = await cli.bus();
    for (const message of messages) await bus.publish(message);
  };

  it('has help with an example for every command', async () => {
    const { stdout } = await cli.run(['--help']);
    for (const command of COMMANDS) {
      assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
      const help = await cli.run([command, '--help']);
      assert.equal(help.code, 0);
      assert.match(help.stdout, new RegExp(`Examples:\\n.*layerwright ${command}`, 's'), command);
      assert.match(help.stdout, /--config/, command);
    }
  });

  it('ends with 2 and names what was meant when it is called wrongly', async () => {
    for (const [args, says] of [
      [['buidl'], /unknown command 'buidl'\n.*build/],
      [['builds', '--stat', 'failed'], /unknown option '--stat'\n.*--state/],
      [['builds', '--state', 'lost'], /one of requested, skipped/],
      [['show'], /missing required argument 'build'/],
      [['build', 'httpd', '--scratch', '--isolated', '1'], /either --scratch or --isolated/],
      [['build', 'httpd', '--config', 'none.yaml'], /none\.yaml, named by --config, is not there/],
      [['builds', '--since'], /unknown option/],
    ] as const) {
      const { code, stderr, stdout } = await cli.run(args);
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, says);
      assert.match(stderr, /^layerwright: /);
      assert.doesNotMatch(stderr, /^\s+at /m);
      assert.equal(stdout, '');
    }
  });

  it('says all faults of a configuration at once, and shows a valid one', async () => {
    const valid = await cli.run(['config', 'check']);
    assert.equal(valid.code, 0);
    assert.match(valid.stdout, /is valid; hash [0-9a-f]{16}/);
    const shown = await cli.run(['config', 'show']);
    assert.match(shown.stdout, /^prefix: org\.example\.test$/m);
    assert.equal(JSON.parse((await cli.run(['config', 'schema'])).stdout).type, 'object');
    await appendFile(join(cli.folder, 'layerwright.yaml'), 'enginse: []\nstate: 7\n');
    const { code, stderr } = await cli.run(['config', 'check']);
    assert.equal(code, 2);
    assert.match(stderr, /2 faults \[config_file_invalid\]/);
    assert.match(stderr, /enginse.*engines/);
    assert.match(stderr, /state/);
    const asJson = await cli.run(['config', 'check', '--json']);
    assert.equal(asJson.code, 2);
    assert.equal(JSON.parse(asJson.stdout).faults.length, 2);
  });

  it('publishes a dump and records it again, the same however often', async () => {
    await store(requested(build), started(build), completed(build));
    const first = await cli.run(['record']);
    assert.equal(first.stdout.trim().split('\n').length, 3);
    const again = await cli.run(['publish', '-'], { stdin: first.stdout });
    assert.equal(again.stdout, 'published 3 messages\n');
    assert.equal((await cli.run(['record'])).stdout, first.stdout);
    const one = await cli.run(['record', '--topic', '#.started', '--output', 'one.jsonl']);
    assert.equal(one.stdout, '');
    assert.equal(
      JSON.parse(await readFile(join(cli.folder, 'one.jsonl'), 'utf8')).topic,
      `${PREFIX}.container.build.started`,
    );
  });

  it('publishes one body to a topic, and refuses what is none', async () => {
    const topic = `${PREFIX}.git.receive`;
    const [sent] = await cli.json('publish', '--topic', topic, await file('push.json', '{"commit":{}}'));
    assert.equal(sent?.['topic'], topic);
    const recorded = JSON.parse((await cli.run(['record'])).stdout);
    assert.deepEqual([recorded.id, recorded.body], [sent?.['id'], { commit: {} }]);
    for (const [args, stdin, says] of [
      [['--topic', topic], 'no json', /not JSON/],
      [['--topic', topic], '[]', /not an object/],
      [['--topic', 'a..b'], '{}', /is not a topic/],
      [['--topic', `${PREFIX}.container.build.started`], '{}', /message_invalid/],
      [['missing.jsonl'], '', /missing\.jsonl can't be read/],
      [['-'], '{"topic":"x.y","body":{},"id":"1","headers":{}}\nrubbish\n', /line 2: .*\n.*1 messages before it/],
    ] as const) {
      const { code, stderr } = await cli.run(['publish', ...args], { stdin });
      assert.equal(code, 2, stderr);
      assert.match(stderr, says);
    }
  });

  it('lists builds, for people and for machines', async () => {
    const other = sampleBuild({ component: 'nginx' });
    await store(requested(build), started(build), completed(build), requested(other));
    const { stdout } = await cli.run(['builds']);
    assert.match(stdout, /^BUILD +COMPONENT/);
    assert.match(stdout, /nginx +f41 +requested/);
    assert.match(stdout, /httpd +f41 +completed .* httpd-2\.4-17\.f41/);
    assert.ok(!stdout.includes('\u001b'));
    const rows = await cli.json('builds', '--state', 'completed');
    assert.deepEqual(
      rows.map(({ id, nvr }) => [id, nvr]),
      [[build.id, 'httpd-2.4-17.f41']],
    );
  });

  it('shows all of a build, and of a failed one why and what to do', async () => {
    await store(requested(build), started(build), failed(build));
    const { stdout } = await cli.run(['show', 'httpd-2.4-17.f41']);
    assert.match(stdout, /Step 3 \(RUN make\) ended with exit code 2\. \[build_failed, step build\]/);
    assert.match(stdout, /A step of the Dockerfile failed\./);
    assert.match(stdout, /make: \*\*\* No targets/);
    const [row] = await cli.json('show', build.id.slice(0, 8));
    assert.equal(row?.['id'], build.id);
    assert.match(String(row?.['advice']), /A step of the Dockerfile failed/);
    const missing = await cli.run(['show', 'nginx-1-1']);
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /there is no build "nginx-1-1" \[not_found\]/);
  });

  it('watches events from the past on and as they come, until Ctrl-C', async () => {
    const bus = await cli.bus();
    await bus.publish(requested(build));
    const watching = cli.start(['watch', '--since', '1h', '--json']);
    await until('the past is shown', async () => watching.stdout.includes('requested'));
    await bus.publish(waveOpened(['f41/app']));
    await bus.publish(completed(build));
    await until('the new events are shown', async () => watching.stdout.includes('completed'));
    watching.child.kill('SIGINT');
    const { code, stdout, stderr } = await watching.ended;
    assert.equal(code, 130);
    assert.equal(stderr, '');
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      events.map(({ state, component, nvr }) => [state, component, nvr]),
      [
        ['requested', 'httpd', 'httpd-2.4-17.f41'],
        ['opened', null, null],
        ['completed', 'httpd', 'httpd-2.4-17.f41'],
      ],
    );
    assert.ok(events[2].duration_ms >= 0);
  });

  it('asks for a build, streams its output, and ends with its exit code', async () => {
    const bus = await cli.bus();
    let end: 'completed' | 'failed' = 'completed';
    const builder = await bus.consume(
      'builder',
      async ({ message }) => {
        const asked = withNvr((message.body as unknown as { build: ReturnType<typeof sampleBuild> }).build);
        const lines = { build: asked.id, attempt: 1, first: 0, lines: ['Step 1/1 : FROM scratch'] };
        await bus.publish(started(asked));
        await bus.publish(sampleMessage('build.output.v1', lines));
        await bus.publish(end === 'completed' ? completed(asked) : failed(asked));
        return { kind: 'ack' };
      },
      { slots: 1 },
    );
    const commit = sampleCommit('x');
    const well = await cli.run(['build', 'container/httpd', '--commit', commit]);
    assert.equal(well.code, 0, well.stderr);
    assert.match(well.stdout, /^Step 1\/1 : FROM scratch$/m);
    assert.match(well.stdout, /^httpd-2\.4-17\.f41 completed/m);
    assert.match(well.stdout, /^sha256:[0-9a-f]{64}$/m);
    end = 'failed';
    const ill = await cli.run(['build', 'httpd', '--commit', commit]);
    assert.equal(ill.code, 1);
    assert.match(ill.stdout, /Step 3 \(RUN make\) ended with exit code 2/);
    const lines = await cli.run(['build', 'httpd', '--commit', commit, '--json']);
    assert.equal(lines.code, 1);
    for (const line of lines.stdout.trim().split('\n')) assert.equal(typeof JSON.parse(line).build, 'string');
    await builder.stop();
  });

  it('asks without following, and stops following at Ctrl-C while the build goes on', async () => {
    const commit = sampleCommit('x');
    const asked = await cli.run(['build', 'httpd', '--commit', commit, '--no-follow', '--json']);
    assert.equal(asked.code, 0, asked.stderr);
    const { build: id } = JSON.parse(asked.stdout);
    assert.equal((await cli.json('show', id))[0]?.['state'], 'requested');
    const following = cli.start(['logs', id, '--follow']);
    const bus = await cli.bus();
    const output = { build: id, attempt: 1, first: 0, lines: ['a line'] };
    let sent = 0;
    await until('a live line is shown', async () => {
      sent += 1;
      await bus.publish(sampleMessage('build.output.v1', output, `output-${sent}`));
      return following.stdout.includes('a line\n');
    });
    following.child.kill('SIGINT');
    const { code, stdout } = await following.ended;
    assert.equal(code, 130);
    assert.equal(stdout, 'a line\n');
  });

  it('says that a build has ended when it is too late to cancel it, and waits for nobody for ever', async () => {
    const waiting = sampleBuild({ component: 'nginx' });
    await store(requested(build), completed(build), requested(waiting));
    const late = await cli.run(['cancel', 'httpd']);
    assert.equal(late.code, 1);
    assert.match(late.stderr, /has ended already: completed/);
    const alone = await cli.run(['cancel', 'nginx', '--reason', 'no', '--timeout', '1']);
    assert.equal(alone.code, 69);
    assert.match(alone.stderr, /has not ended within 1 s/);
    assert.match((await cli.run(['record', '--topic', '#.cancel'])).stdout, /"reason":"no"/);
  });

  it('shows a build’s output from the file that the builder left', async () => {
    await store(requested(build), started(build), completed(build));
    const none = await cli.run(['logs', 'httpd']);
    assert.notEqual(none.code, 0);
    const { mkdir } = await import('node:fs/promises');
    await mkdir(join(cli.folder, '.layerwright', 'logs'), { recursive: true });
    await writeFile(join(cli.folder, '.layerwright', 'logs', `${build.id}.1.log`), 'one\n\u001b[2Jtwo\n');
    const { code, stdout } = await cli.run(['logs', 'httpd']);
    assert.equal(code, 0);
    assert.equal(stdout, 'one\n?[2Jtwo\n');
  });

  it('ends quietly when its reader goes away', async () => {
    const messages = Array.from({ length: 300 }, (_, index) =>
      requested(sampleBuild({ component: `c${index}`, build_args: { FILL: 'x'.repeat(2_000) } })),
    );
    await store(...messages);
    const recording = cli.start(['record']);
    await once(recording.child.stdout ?? recording.child, 'data');
    recording.child.stdout?.destroy();
    const { code, stderr } = await recording.ended;
    assert.equal(code, 0);
    assert.equal(stderr, '');
  });

  it('prints completion scripts that shells take', async () => {
    const bash = await cli.run(['completion', 'bash']);
    await writeFile(join(cli.folder, 'completion.sh'), bash.stdout);
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: it is bash that fills these in
    const probe = [
      'source ./completion.sh',
      'COMP_WORDS=(layerwright bui) COMP_CWORD=1; _layerwright; echo "${COMPREPLY[@]}"',
      'COMP_WORDS=(layerwright builds --st) COMP_CWORD=2; _layerwright; echo "${COMPREPLY[@]}"',
      'COMP_WORDS=(layerwright run pl) COMP_CWORD=2; _layerwright; echo "${COMPREPLY[@]}"',
      'COMP_WORDS=(layerwright up --log-level w) COMP_CWORD=3; _layerwright; echo "${COMPREPLY[@]}"',
    ].join('\n');
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: it is bash that fills these in
    const { stdout } = await promisify(execFile)('bash', ['-c', probe], { cwd: cli.folder });
    assert.equal(stdout, 'build builds\n--state\nplanner\nwarn\n');
    const zsh = await cli.run(['completion', 'zsh']);
    assert.match(zsh.stdout, /^#compdef layerwright/);
    for (const command of COMMANDS) assert.match(zsh.stdout, new RegExp(`'${command}:`));
    assert.equal((await cli.run(['completion', 'fish'])).code, 2);
  });

  async function file(name: string, text: string): Promise<string> {
    await writeFile(join(cli.folder, name), text);
    return name;
  }
});
