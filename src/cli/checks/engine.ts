import { randomBytes } from 'node:crypto';
import { PassThrough, type Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { Engine } from '../../builder/index.js';
import type { Registry } from '../../registry/index.js';
import { duration } from '../render/text.js';
import { type Finding, fault, faultOf, warn, well } from './finding.js';

/** Where `doctor` pushes to in every candidate registry. One tag: many registries can't take one away again. */
const REPOSITORY = 'layerwright-doctor';
const TAG = 'check';

/** An engine answers, and is what the configuration says of it. */
export async function checkEngine(engine: Engine, platform: string): Promise<Finding> {
  const name = `engine ${engine.host}`;
  let info: Awaited<ReturnType<Engine['info']>>;
  try {
    info = await engine.info();
  } catch (thrown) {
    return faultOf(name, thrown, AWAY);
  }
  const text = `${info.kind} ${info.version} (API ${info.apiVersion}), ${info.platform}`;
  if (info.platform !== platform) {
    return fault(name, `${text}, where the configuration says ${platform}`, 'Correct `platform` of this engine.');
  }
  const unlimited = [...(info.limitsMemory ? [] : ['memory']), ...(info.limitsCpu ? [] : ['processor time'])];
  if (unlimited.length > 0)
    return warn(name, `${text}; it does not enforce limits of ${unlimited.join(' and ')}`, CONTROLLERS);
  return well(name, text);
}

const CONTROLLERS =
  'Enable the controllers of control groups on its host; for a rootless Podman give its user `Delegate=memory cpu` on control groups of version 2, or run it as root. Or trust your builds.';

const AWAY =
  'Start it, correct `host` of this engine, or give this user the rights to its socket (for Docker: its group `docker`).';

export interface PushCheck {
  readonly engine: Engine;
  readonly platform: string;
  readonly registry: Registry;
  /** `host:port` of the registry as the engine reaches it. */
  readonly engineHost: string;
  readonly signal: AbortSignal;
}

/** The engine builds a tiny image and pushes it where the builder would; what it leaves is taken away again. */
export async function checkPush({ engine, platform, registry, engineHost, signal }: PushCheck): Promise<Finding> {
  const name = `push to ${registry.name}`;
  const build = `doctor-${randomBytes(6).toString('hex')}`;
  const reference = `${engineHost}/${REPOSITORY}:${TAG}`;
  const began = performance.now();
  try {
    const login = await registry.login();
    const before = await registry.head(REPOSITORY, TAG);
    await engine.build(
      {
        context: tinyContext(build),
        dockerfile: 'Dockerfile',
        dockerfileName: 'Dockerfile',
        reference,
        build,
        ownSteps: 0,
        labels: {},
        buildArgs: {},
        network: 'none',
        memoryBytes: null,
        cpu: null,
        useCache: false,
        platform,
        logins: {},
        onLine: () => undefined,
      },
      signal,
    );
    await engine.push(reference, login, signal);
    const after = await registry.head(REPOSITORY, TAG);
    if (after === null || after.digest === before?.digest) {
      return fault(
        name,
        `${engine.host} says that it pushed to ${engineHost}, but ${registry.url} has nothing new`,
        'The engine reaches another registry under this name. Set `engine_url` of the registry to the address that the engine must use.',
      );
    }
    return well(name, `${engine.host} built and pushed an image in ${duration(performance.now() - began)}`);
  } catch (thrown) {
    return faultOf(name, thrown, adviceOnPush(thrown, engineHost));
  } finally {
    await registry.deleteTag(REPOSITORY, TAG).catch(() => false);
    await engine.removeReference(reference).catch(() => undefined);
    await engine.cleanUp(build).catch(() => undefined);
  }
}

function adviceOnPush(thrown: unknown, engineHost: string): string | undefined {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  switch (code) {
    case 'registry_unavailable':
      return `The engine does not reach ${engineHost}. Set \`engine_url\` of the registry to an address that it reaches; for plain HTTP that is not on the loopback, add it to the engine's insecure registries.`;
    case 'registry_denied':
      return 'Check the registry’s `credentials`, and that they may push.';
    default:
      return undefined;
  }
}

/** A Dockerfile and one file: a tar stream of some hundred bytes. */
function tinyContext(text: string): Readable {
  const tar = pack();
  tar.entry({ name: 'Dockerfile' }, 'FROM scratch\nCOPY check /check\n');
  tar.entry({ name: 'check' }, `${text}\n`);
  tar.finalize();
  return tar.pipe(new PassThrough());
}
