import { pause } from '../../runtime/clock.js';
import { BUILD_LABEL } from '../decide/labels.js';
import { markedStream } from '../decide/step-mark.js';
import type { OtherBuilds } from '../ports.js';
import { imagesOnlyOf, removeDeadContainers } from './dead-containers.js';
import { askPodman, type DockerClient, PODMAN_API } from './docker-client.js';
import { statusOf } from './engine-errors.js';
import type { EventWatch } from './engine-events.js';
import type { EngineWays } from './engine-ways.js';
import { listAndMend } from './half-written.js';
import type { Listed } from './image-list.js';

/** Milliseconds that the engine may take to kill a step and take its container away after a build was broken off. */
const KILL_MS = 5_000;
const RETRY_MS = 100;

/** Statuses that mean it is done already, or that something else still needs it. */
const ABSENT = 404;
const CONFLICT = 409;

/**
 * Takes away the containers that an ended build has left; with a watch it waits for those that still run. The engine does that itself (`forcerm`) and kills the step
 * that runs; this waits for it. Never by force: ids come from the build's output, and what runs is not ours to kill.
 */
export async function removeContainers(
  client: DockerClient,
  containers: ReadonlySet<string>,
  watch: EventWatch | null,
): Promise<void> {
  await Promise.all(
    [...containers].map(async (id) => {
      if ((await removeContainer(client, id)) || watch === null) return;
      await watch.gone(id, KILL_MS);
      await removeContainer(client, id);
    }),
  );
}

/** False when it can't be removed yet: it runs, or its removal is under way. */
export async function removeContainer(client: DockerClient, id: string): Promise<boolean> {
  return accepts([ABSENT], [CONFLICT], async () => {
    await client.ask('other', async (abortSignal) => client.docker.getContainer(id).remove({ v: true, abortSignal }));
  });
}

/**
 * Takes away the dangling images that a build has left: those seen in its output, and those that the engine made for
 * its label. Images that another build stands on are refused by the engine and stay. Resolves with what dangles, where
 * nothing of it was the build's: who looks next need not ask again.
 */
export async function removeDangling(
  client: DockerClient,
  ways: EngineWays,
  build: string,
  seen: ReadonlySet<string>,
  isQuiet: OtherBuilds['isQuiet'],
): Promise<readonly Listed[] | null> {
  for (;;) {
    const listed = await listNameless(client, ways);
    const mayGo = listed.filter((each) => !mayBePulled(each, isQuiet));
    const left = await leftBy(client, ways, mayGo, build, seen);
    if (left.length === 0) return listed;
    const refused: string[] = [];
    for (const id of left) if (!(await removeIfUnused(client, id))) refused.push(id);
    if (refused.length === 0) return null;
    // What the last of them stood on dangles now.
    if (ways.leavesDeadContainers && (await removeDeadOf(client, build)) > 0) continue;
    const patienceMs = ways.stepMark(build) === null ? 0 : KILL_MS;
    for (const id of refused) await removeWithin(client, id, patienceMs);
    return null;
  }
}

/**
 * What has a digest may be a parent that another build has pulled a moment ago, and is about to stand on: a build's image is
 * its dependents' parent as soon as it has ended. What was made here may have got it from a push that outlived its name.
 */
function mayBePulled({ digests, parent }: Listed, isQuiet: OtherBuilds['isQuiet']): boolean {
  return digests.length > 0 && (parent === null || !isQuiet());
}

async function leftBy(
  client: DockerClient,
  ways: EngineWays,
  listed: readonly Listed[],
  build: string,
  seen: ReadonlySet<string>,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { id, image } of listed) {
    const labelled = image.Labels?.[BUILD_LABEL] === build;
    if (seen.has(shortId(id)) || (labelled && (await labelIsItsOwn(client, ways, id, build)))) found.push(id);
  }
  return found;
}

/**
 * The same for other builds: those that have ended, as what one left was refused while another that ran had it as its
 * cache, and steps of builds that came to no end, when none of their component runs. Each is tried once. `seen`: short ids
 * of what builds that have ended were seen to make; `known`: what dangles, where that was just asked.
 */
export async function removeDanglingOf(
  client: DockerClient,
  ways: EngineWays,
  others: OtherBuilds,
  seen: ReadonlySet<string>,
  known: readonly Listed[] | null,
): Promise<void> {
  for (const each of known ?? (await listNameless(client, ways))) {
    const { id, image } = each;
    if (mayBePulled(each, others.isQuiet)) continue;
    if (seen.has(shortId(id))) {
      await removeIfUnused(client, id);
      continue;
    }
    const build = image.Labels?.[BUILD_LABEL];
    if (build === undefined) continue;
    const stream = markedStream(build);
    if (stream !== null) {
      if (others.isIdle(stream)) await removeIfUnused(client, id);
      continue;
    }
    if (!others.hasEnded(build)) continue;
    if (!(await labelIsItsOwn(client, ways, id, build)) || (await removeIfUnused(client, id))) continue;
    if (ways.leavesDeadContainers && (await removeDeadOf(client, build)) > 0) await removeIfUnused(client, id);
  }
}

/** As the engine's output has it. */
function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

/** Dangling images, and what Podman was killed over, which it does not count among them. */
async function listNameless(client: DockerClient, ways: EngineWays): Promise<readonly Listed[]> {
  if (!ways.namesWhatItWrites) return listAndMend(client, { filters: { dangling: ['true'] } });
  const listed = await listAndMend(client, {});
  return listed.filter(({ names, digests }) => names.length === 0 && digests.length === 0);
}

async function removeDeadOf(client: DockerClient, build: string): Promise<number> {
  return removeDeadContainers(client, await imagesOnlyOf(client, build));
}

/** Where an engine is still about to take away what a broken build has of its own on the image, for `patienceMs`. */
async function removeWithin(client: DockerClient, id: string, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline && !(await removeIfUnused(client, id))) await pause(RETRY_MS);
}

/**
 * Children inherit a parent's labels: true when the image's own last step set this one, or, where every step does and
 * need not say so, when no step said it.
 */
export async function labelIsItsOwn(
  client: DockerClient,
  ways: Pick<EngineWays, 'labelsEveryImage'>,
  id: string,
  build: string,
): Promise<boolean> {
  let own = false;
  await accepts([ABSENT], [], async () => {
    const history = await client.ask('other', () => client.docker.getImage(id).history());
    const [last = false, ...before] = history.map(
      ({ CreatedBy: step = '' }) => step.includes(BUILD_LABEL) && step.includes(build),
    );
    own = last || (ways.labelsEveryImage && !before.includes(true));
  });
  return own;
}

/** Takes a name from an image, and the image with it when nothing else names or uses it. */
export async function removeName(client: DockerClient, ways: EngineWays, reference: string): Promise<void> {
  if (await removeIfUnused(client, reference)) return;
  // A container of another build stands on the image: only the name goes.
  await accepts([ABSENT], [CONFLICT], async () => {
    if (!ways.forceSparesUsers) return untag(client, reference);
    await client.ask('other', (abortSignal) => client.docker.getImage(reference).remove({ force: true, abortSignal }));
  });
}

/** Takes a name or a nameless image away, never by force; false when something stands on it or uses it. */
export async function removeIfUnused(client: DockerClient, reference: string): Promise<boolean> {
  return accepts([ABSENT], [CONFLICT], async () => {
    await client.ask('other', async (abortSignal) => client.docker.getImage(reference).remove({ abortSignal }));
  });
}

/** Docker's API knows no such request; Podman's own does. */
async function untag(client: DockerClient, reference: string): Promise<void> {
  // That one takes a name without a registry for one of localhost, where Docker's takes it for one of Docker Hub.
  const host = reference.slice(0, Math.max(0, reference.indexOf('/')));
  const isWhole = host === 'localhost' || /[.:]/.test(host);
  const [repo, tag] = splitName(isWhole ? reference : `docker.io/${reference}`);
  const path = `${PODMAN_API}/images/${encodeURIComponent(reference)}/untag?`;
  const statusCodes = { 200: true, 201: true, 204: true } as const;
  await askPodman(client, { path, method: 'POST', options: { repo, tag }, statusCodes });
}

/** Gives an image one more name, as `repository:tag`, and takes it from the one that has it. An absent image gets none. */
export async function addName(client: DockerClient, reference: string, name: string): Promise<void> {
  const [repo, tag] = splitName(name);
  await accepts([ABSENT], [], async () => {
    await client.ask('other', async (abortSignal) => client.docker.getImage(reference).tag({ repo, tag, abortSignal }));
  });
}

function splitName(name: string): readonly [string, string] {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? [name.slice(0, colon), name.slice(colon + 1)] : [name, 'latest'];
}

/** Podman's words where an image is there and the name is not, by a digest for one; its status is that of a fault. */
const NO_SUCH_NAME = /: tag not known\.?$/;

/** Runs a request; true when it worked or `fine` says so, false for a status of `no`; throws for all others. */
async function accepts(fine: readonly number[], no: readonly number[], request: () => Promise<void>): Promise<boolean> {
  try {
    await request();
    return true;
  } catch (thrown) {
    const status = NO_SUCH_NAME.test(String(thrown)) ? ABSENT : statusOf(thrown);
    if (status !== null && fine.includes(status)) return true;
    if (status !== null && no.includes(status)) return false;
    throw thrown;
  }
}
