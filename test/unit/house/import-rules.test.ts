import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Files of a small tree that breaks every rule; each says which. */
const TREE: Readonly<Record<string, string>> = {
  'src/kernel/ids.ts': "import '../messages/index.js';",
  'src/kernel/digest.ts': 'export const digest = 1;',
  'src/messages/index.ts': 'export const codec = 1;',
  'src/messages/codec.ts': 'export const inner = 1;',
  'src/runtime/retry.ts': "import '../bus/index.js'; import 'p-retry';",
  'src/bus/index.ts': 'export const bus = 1;',
  'src/bus/amqp/connection.ts': "import '../nats/connection.js';",
  'src/bus/nats/connection.ts': "import '../../kernel/digest.js';",
  'src/bus/topology.ts': "import '../ledger/index.js';",
  'src/ledger/index.ts': "import '../registry/index.js';",
  'src/registry/index.ts': "import 'libsql';",
  'src/builder/index.ts': "import '../planner/index.js'; import '../messages/codec.js'; import '../main.js';",
  'src/builder/decide/plan.ts':
    "import { readFileSync } from 'node:fs'; import { work } from '../worker.js'; readFileSync(String(work));",
  'src/builder/worker.ts': "import 'dockerode'; export const work = 1;",
  'src/builder/adapters/docker.ts': "import 'dockerode'; import './loop.js';",
  'src/builder/adapters/loop.ts': "import './docker.js';",
  'src/planner/index.ts': "import '../builder/adapters/docker.js'; import 'p-retry';",
  'src/git/index.ts': "import './absent.js';",
  'src/main.ts': "import './builder/index.js'; import './kernel/digest.js'; import './library/index.js';",
  'src/library/index.ts': "import '../ledger/index.js'; import '../bus/index.js';",
  'src/index.ts': "import './library/index.js'; import './messages/codec.js';",
};

/** Rule → an import that it forbids, of the tree above. */
const FORBIDDEN: Readonly<Record<string, string>> = {
  'kernel-imports': 'src/kernel/ids.ts → src/messages/index.ts',
  'runtime-imports': 'src/runtime/retry.ts → src/bus/index.ts',
  'bus-imports': 'src/bus/topology.ts → src/ledger/index.ts',
  'library-imports': 'src/library/index.ts → src/ledger/index.ts',
  'the-package-is-its-doors': 'src/index.ts → src/messages/codec.ts',
  'nobody-imports-the-package': 'src/main.ts → src/library/index.ts',
  'ledger-imports': 'src/ledger/index.ts → src/registry/index.ts',
  'builder-imports': 'src/builder/index.ts → src/planner/index.ts',
  'stores-and-ledger-by-their-doors': 'src/builder/index.ts → src/messages/codec.ts',
  'engines-never-each-other': 'src/bus/amqp/connection.ts → src/bus/nats/connection.ts',
  'decide-is-pure': 'src/builder/decide/plan.ts → src/builder/worker.ts',
  'decide-does-no-io': 'src/builder/decide/plan.ts → fs',
  'adapters-in-their-own-room': 'src/planner/index.ts → src/builder/adapters/docker.ts',
  'dockerode-in-builder': 'src/builder/worker.ts → dockerode',
  'p-retry-in-runtime': 'src/planner/index.ts → p-retry',
  'libsql-in-stores': 'src/registry/index.ts → libsql',
  'nobody-imports-the-root': 'src/builder/index.ts → src/main.ts',
  'no-cycles': 'src/builder/adapters/docker.ts → src/builder/adapters/loop.ts',
  'no-unresolvable': 'src/git/index.ts → ./absent.js',
};

/** What the tree imports and may. */
const ALLOWED: readonly string[] = [
  'src/bus/nats/connection.ts → src/kernel/digest.ts',
  'src/builder/adapters/docker.ts → dockerode',
  'src/runtime/retry.ts → p-retry',
  'src/main.ts → src/builder/index.ts',
  'src/index.ts → src/library/index.ts',
  'src/library/index.ts → src/bus/index.ts',
];

describe('the import table', () => {
  let folder = '';
  let violations: readonly { readonly rule: string; readonly from: string; readonly to: string }[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'layerwright-imports-'));
    for (const [path, content] of Object.entries(TREE)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), `${content}\n`);
    }
    await writeFile(join(folder, 'tsconfig.json'), '{"compilerOptions":{"module":"NodeNext"}}');
    await writeFile(
      join(folder, 'package.json'),
      '{"type":"module","dependencies":{"dockerode":"*","p-retry":"*","libsql":"*"}}',
    );
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    violations = await cruise(folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [rule, forbidden] of Object.entries(FORBIDDEN)) {
    test(`${rule} refuses ${forbidden}`, () => {
      const broken = violations.filter((violation) => violation.rule === rule).map(({ from, to }) => `${from} → ${to}`);
      assert.ok(
        broken.some((one) => matches(one, forbidden)),
        `of ${rule}, only these were refused: ${broken.join('; ') || 'none'}`,
      );
    });
  }

  for (const allowed of ALLOWED) {
    test(`lets ${allowed} pass`, () => {
      assert.deepEqual(
        violations.filter(({ from, to, rule }) => rule !== 'no-cycles' && matches(`${from} → ${to}`, allowed)),
        [],
      );
    });
  }
});

/** A package is resolved to a file in node_modules; the table names the package. */
function matches(found: string, wanted: string): boolean {
  const [from, to = ''] = wanted.split(' → ');
  const [foundFrom, foundTo = ''] = found.split(' → ');
  return from === foundFrom && (to === foundTo || foundTo.includes(`node_modules/${to}/`));
}

/** The violations that dependency-cruiser reports with the project's own rules. */
function cruise(cwd: string): Promise<{ rule: string; from: string; to: string }[]> {
  const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const args = [program, 'src', '--config', join(root, '.dependency-cruiser.cjs'), '--output-type', 'json'];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      try {
        const report = JSON.parse(stdout) as {
          summary: { violations: { rule: { name: string }; from: string; to: string }[] };
        };
        resolve(report.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })));
      } catch {
        reject(new Error(`dependency-cruiser gave no report: ${stderr || String(error)}`));
      }
    });
  });
}
