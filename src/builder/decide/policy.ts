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

function refuse(message: string): Failure {
  return failure('dockerfile_invalid', STEP, message);
}
