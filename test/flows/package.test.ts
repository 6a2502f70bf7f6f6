/** The package as its users get it: packed, installed from the tarball, type-checked, and run on every bus. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openBus, topology } from '../../src/bus/index.js';
import { BUS_PLACES } from '../support/bus-places.js';
import { completed, PREFIX, sampleBuild, withNvr } from '../support/samples.js';
import { until } from '../support/until.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const DAY_MS = 86_400_000;
/** What a user's program is compiled with, and the types that come with it. */
const TYPES_OF_THE_USER = ['@types/node', 'undici-types'];

const exec = promisify(execFile);

describe('the package', () => {
  let app = '';

  before(async () => {
    app = await mkdtemp(join(tmpdir(), 'layerwright-package-'));
    await cp(join(ROOT, 'examples/react-to-builds'), app, {
      recursive: true,
      filter: (source) => !/node_modules|index\.js$/.test(source),
    });
    await install(app, await pack(app));
    for (const name of TYPES_OF_THE_USER) {
      await mkdir(join(app, 'node_modules', name, '..'), { recursive: true });
      const there = join(app, 'node_modules', name);
      if (!existsSync(there)) await symlink(join(ROOT, 'node_modules', name), there);
    }
  });
  after(() => rm(app, { recursive: true, force: true }));

  test('has what it needs and nothing of the workshop', async () => {
    const there = await readdir(join(app, 'node_modules/layerwright'));
    const wanted = ['CHANGELOG.md', 'README.md', 'bin', 'config', 'dist', 'docs', 'package.json', 'schemas'];
    assert.deepEqual(there.filter((name) => name !== 'node_modules').sort(), wanted);
    const { stdout } = await exec(process.execPath, ['node_modules/layerwright/bin/layerwright.js', '--version'], {
      cwd: app,
    });
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    assert.equal(stdout.trim(), version);
  });

  test('lets nobody in but by its door', async () => {
    const program = `await import('layerwright/schemas/messages/build.completed.v1.json', { with: { type: 'json' } });
      await import('layerwright/dist/main.js').then(() => process.exit(3), (error) => console.log(error.code));`;
    const { stdout } = await exec(process.execPath, ['--input-type=module', '-e', program], { cwd: app });
    assert.equal(stdout.trim(), 'ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  test('types the bodies of its messages: a member that is not there does not compile', async () => {
    await writeFile(
      join(app, 'wrong.ts'),
      `import { openBus, reactTo, type Build } from 'layerwright';
       const bus = await openBus('bus.db', { prefix: 'p', groups: { mine: ['build.completed', 'build.failed'] } });
       await reactTo(bus, 'mine', {
         'build.completed': ({ image }) => console.log(image.no_such_member),
         'build.failed': ({ build }): void => { const known: Build = build; console.log(known.nvr); },
       });
       await reactTo(bus, 'other', {});`,
    );
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node', '--noEmit'];
    const refused = await exec(process.execPath, [TSC, '--ignoreConfig', ...options, 'wrong.ts'], { cwd: app }).catch(
      (error: { stdout: string }) => error,
    );
    const faults = refused.stdout.split('\n').filter((line) => line.includes('error TS'));
    assert.equal(faults.length, 2, refused.stdout);
    assert.match(faults[0] ?? '', /wrong\.ts\(4,.*no_such_member/);
    assert.match(faults[1] ?? '', /wrong\.ts\(7,.*other/);
  });

  for (const { kind, skip, make } of BUS_PLACES) {
    test(`the example compiles, and reacts to a build on the ${kind} bus`, { skip }, async () => {
      await exec(process.execPath, [TSC], { cwd: app });
      const place = await make();
      const children: Example[] = [];
      try {
        const service = await openBus(
          place.settings,
          topology({ prefix: PREFIX, git: ['#.git.receive'], gitLog: { maxAgeMs: DAY_MS, maxBytes: 1e9 } }),
        );
        try {
          const example = new Example(app, place.address);
          children.push(example);
          await until('the example waits', () => example.said.includes('waiting for builds\n'));
          const before = completed(withNvr(sampleBuild({ component: 'before' })));
          await service.publish(before);
          await until('it reacted', () => example.said.includes(`before-2.4-17.f41 is ${digestOf(before)}\n`));
          assert.equal(await example.end(), 0);

          const meanwhile = completed(withNvr(sampleBuild({ component: 'meanwhile' })));
          await service.publish(meanwhile);
          const again = new Example(app, place.address);
          children.push(again);
          await until('it reacted', () => again.said.includes(`meanwhile-2.4-17.f41 is ${digestOf(meanwhile)}\n`));
          assert.equal(await again.end(), 0);
          assert.doesNotMatch(again.said, /before/);
        } finally {
          await service.close();
        }
      } finally {
        for (const child of children) await child.kill();
        await place.remove();
      }
    });
  }
});

function digestOf({ body }: { readonly body: { readonly [name: string]: unknown } }): string {
  return (body['image'] as { digest: string }).digest;
}

/** The example as a process. */
class Example {
  said = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;

  constructor(app: string, address: string) {
    this.#child = spawn(process.execPath, ['index.js'], {
      cwd: app,
      env: { ...process.env, BUS_URL: address, PREFIX },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#ended = once(this.#child, 'close');
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said += text;
      });
    }
  }

  /** As Ctrl-C does; gives the exit code. */
  async end(): Promise<unknown> {
    this.#child.kill('SIGINT');
    const [code] = await this.#ended;
    return code;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

/** The path of the tarball. */
async function pack(folder: string): Promise<string> {
  const { stdout } = await exec('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  return join(folder, packed?.filename ?? '');
}

/** As a user does; where no registry can be reached, the packages of the clone are taken for those of the tarball. */
async function install(folder: string, tarball: string): Promise<void> {
  const quiet = ['--no-audit', '--no-fund', '--no-save', '--omit=dev', '--prefer-offline', '--fetch-retries=0'];
  try {
    await exec('npm', ['install', ...quiet, tarball], { cwd: folder });
  } catch (cause) {
    if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENOTCACHED|ENETUNREACH/.test(String(cause))) throw cause;
    await rm(join(folder, 'node_modules'), { recursive: true, force: true });
    await mkdir(join(folder, 'node_modules/layerwright'), { recursive: true });
    await exec('tar', ['-xzf', tarball, '--strip-components=1', '-C', join(folder, 'node_modules/layerwright')]);
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules/layerwright/node_modules'));
  }
}
