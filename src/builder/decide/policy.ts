import { type Failure, failure } from '../../kernel/failure.js';
import type { BuilderTarget } from '../settings.js';
import type { DockerfileFacts, Frontend } from './facts.js';

const STEP = 'inspect';

/** Dockerfile frontends that come with Docker's BuildKit, by the engine's major version; newer engines have all. */
const DOCKER_FRONTEND: Readonly<Record<number, Frontend>> = { 20: 2, 23: 4, 24: 5, 25: 6, 26: 7, 27: 8, 28: 14 };
const NEWEST: Frontend = Number.POSITIVE_INFINITY;
/** Docker's classic builder. */
export const CLASSIC_FRONTEND: Frontend = 0;

/** Which constructs an engine's best builder knows. Sources: Docker's release notes; Buildah 1.33 (Podman 4.8) for here-documents. */
export function frontendOf(engine: { readonly kind: 'docker' | 'podman'; readonly version: string }): Frontend {
  const [major = 0, minor = 0] = engine.version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  if (engine.kind === 'podman') return major > 4 || (major === 4 && minor >= 8) ? NEWEST : 3;
  if (major < 20) return CLASSIC_FRONTEND;
  return major > 28 ? NEWEST : (DOCKER_FRONTEND[major] ?? 2);
}

/** The oldest frontend that can build this; `CLASSIC_FRONTEND` when any can. */
export function neededFrontend(facts: Pick<DockerfileFacts, 'constructs'>): Frontend {
  return facts.constructs.reduce((most, { since }) => Math.max(most, since), CLASSIC_FRONTEND);
}

/**
 * What the target or the engine does not allow of a readable Dockerfile; null when all is allowed. The frontend must
 * be checked before the build: a builder that does not know here-documents would take their lines for instructions.
 */
export function refuseFacts(
  facts: DockerfileFacts,
  target: Pick<BuilderTarget, 'name' | 'allowSyntax' | 'allowAddUrl'>,
  frontend: Frontend,
): Failure | null {
  const { syntax } = facts;
  if (syntax !== null && !target.allowSyntax)
    return refuse(
      `Line ${syntax.line}: the frontend ${syntax.image} is not allowed for ${target.name}. Remove # syntax=, or set allow_syntax in the target.`,
    );
  const [url] = facts.addUrls;
  if (url !== undefined && !target.allowAddUrl)
    return refuse(
      `Line ${url.line}: ADD ${url.url} comes from the network, which is not allowed for ${target.name}. Commit the file, or set allow_add_url in the target.`,
    );
  const [secret] = facts.secrets;
  if (secret !== undefined)
    return refuse(`Line ${secret.line}: RUN --mount=type=${secret.kind} is not supported yet: builds get no secrets.`);
  // A frontend of the file's own choice is known only to the engine.
  const unknown = syntax === null ? facts.constructs.find(({ since }) => since > frontend) : undefined;
  if (unknown === undefined) return null;
  const why =
    frontend === CLASSIC_FRONTEND ? 'the classic builder does not have' : "the engine's builder is too old for";
  return refuse(`Line ${unknown.line}: ${why} ${unknown.construct}.`);
}

/** Names that mean the same machine. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', i386: '386' };

/**
 * A stage for another platform than the engine's, as a failure; null when there is none. Asked before the build: the
 * classic builder takes whatever image it has under the name, of any platform, and says nothing.
 */
export function refusePlatform({ platforms }: Pick<DockerfileFacts, 'platforms'>, engine: string): Failure | null {
  const other = platforms.find(({ platform }) => !isSamePlatform(platform, engine));
  if (other === undefined) return null;
  return failure(
    'platform_unavailable',
    STEP,
    `Line ${other.line}: no engine builds for ${other.platform.slice(0, 100)}; this one builds for ${engine}.`,
  );
}

/** An architecture alone means the engine's system; a variant that is not asked for may be any. */
function isSamePlatform(asked: string, engine: string): boolean {
  const [system = '', machine = '', variant] = engine.split('/');
  const parts = asked.toLowerCase().split('/');
  const [first = '', second, third] = parts;
  const [askedSystem, askedMachine, askedVariant] =
    parts.length === 1 && first !== system ? [system, first, undefined] : [first, second ?? machine, third];
  const sameMachine = (ARCHITECTURES[askedMachine] ?? askedMachine) === machine;
  return (
    askedSystem === system &&
    sameMachine &&
    (askedVariant === undefined || variant === undefined || askedVariant === variant)
  );
}

function refuse(message: string): Failure {
  return failure('dockerfile_invalid', STEP, message);
}
