import { randomUUID } from 'node:crypto';
import type { JetStreamAccountStats, StreamInfo } from 'nats';
import { LIMITS } from '../../kernel/limits.js';
import type { BusFinding } from '../contract.js';
import type { Claims } from './claims.js';
import type { Link } from './connect.js';
import { API, apiCode, isForbidden } from './faults.js';
import { type Plan, streamDifference, streamInfo } from './streams.js';

/** Of a limit, from which on it is said that it is near. */
const NEAR = 0.9;
/** How long one probe may take; milliseconds. */
const PROBE_MS = 2_000;
const MEBIBYTE = 1_048_576;

export interface ExamineParts {
  readonly link: Link;
  readonly plan: Plan;
  readonly claims: Claims;
  /** The servers as configured. */
  readonly servers: readonly string[];
  /** Whether TLS is configured beside what the servers' URLs say. */
  readonly tls: boolean;
}

/** What `doctor` tells of a NATS server: one look, over the bus's own connection. Stores nothing that stays. */
export async function examine(parts: ExamineParts): Promise<readonly BusFinding[]> {
  const { link } = parts;
  if (!link.up) {
    const text = `the NATS server at ${link.place} is disconnected`;
    return [{ name: 'broker', status: 'fault', text, advice: 'Mend `bus` in the configuration, or the server.' }];
  }
  const looks = await Promise.all([accountFindings(link), streamFindings(parts), rightsFindings(parts)]);
  return [
    fine('broker', `nats-server ${link.nc.info?.version ?? ''} answers at ${link.place}`),
    ...transportFindings(parts),
    ...payloadFindings(link.nc.info?.max_payload ?? 0),
    ...looks.flat(),
  ];
}

const fine = (name: string, text: string): BusFinding => ({ name, status: 'ok', text, advice: '' });

/** Passwords and messages that travel in the clear, on a way that others can listen to. Pure. */
export function transportFindings({ servers, tls }: Pick<ExamineParts, 'servers' | 'tls'>): BusFinding[] {
  if (tls || servers.every((server) => /^(tls|wss):/i.test(server) || isLoopback(server))) return [];
  const text = 'messages travel to the NATS server in the clear, and so would a password';
  return [{ name: 'transport', status: 'warn', text, advice: 'Use tls:// and `bus.tls`.' }];
}

function isLoopback(server: string): boolean {
  const address = server.includes('://') ? server : `nats://${server}`;
  const host = URL.canParse(address) ? new URL(address).hostname : '';
  return host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);
}

/** Pure. */
export function payloadFindings(maxPayload: number): BusFinding[] {
  const needed = LIMITS.messageBytes + LIMITS.headerBytes;
  if (maxPayload >= needed) return [fine('max_payload', `messages of ${maxPayload} bytes pass`)];
  const text = `max_payload is ${maxPayload} bytes: our largest messages with their headers need ${needed}`;
  return [
    { name: 'max_payload', status: 'warn', text, advice: 'Set `max_payload: 2MB` in the server’s configuration.' },
  ];
}

async function accountFindings(link: Link): Promise<BusFinding[]> {
  try {
    return storageFindings(await link.jsm.getAccountInfo());
  } catch (thrown) {
    if (isForbidden(thrown)) {
      const text = 'this user may not ask what JetStream has left for the account';
      return [{ name: 'jetstream', status: 'warn', text, advice: 'Allow it to publish to $JS.API.INFO.' }];
    }
    const text = link.errorOf(thrown).message;
    return [
      { name: 'jetstream', status: 'fault', text, advice: 'Switch JetStream on, for the server and the account.' },
    ];
  }
}

/** Pure. */
export function storageFindings({ storage, limits }: Pick<JetStreamAccountStats, 'storage' | 'limits'>): BusFinding[] {
  const most = limits.max_storage;
  const used = `${Math.round(storage / MEBIBYTE)} MiB are stored`;
  if (most <= 0) return [fine('jetstream', `${used}, and the account has no limit`)];
  const text = `${used}, of ${Math.round(most / MEBIBYTE)} MiB that the account may store`;
  if (storage < most * NEAR) return [fine('jetstream', text)];
  return [
    { name: 'jetstream', status: 'warn', text, advice: 'Raise the account’s limit, or let git pushes expire sooner.' },
  ];
}

async function streamFindings({ link, plan }: ExamineParts): Promise<BusFinding[]> {
  const isCluster = (link.nc.info?.cluster ?? '') !== '';
  const found = await Promise.all(
    plan.streams.map(async (wanted): Promise<BusFinding[]> => {
      const name = `stream ${wanted.name}`;
      try {
        const info = await streamInfo(link, wanted.name);
        if (info === null) {
          return [
            { name, status: 'fault', text: `${name} is missing`, advice: 'Start a role: it declares what is missing.' },
          ];
        }
        const difference = streamDifference(info.config, wanted);
        if (difference === null) return replicaFindings(name, info, isCluster);
        const advice = `Change the configuration, or see \`nats stream edit ${wanted.name}\`.`;
        return [{ name, status: 'fault', text: `${name}: ${difference}`, advice }];
      } catch (thrown) {
        const advice = 'It needs the right to $JS.API.STREAM.INFO.>; docs/operations.md lists the rights.';
        return [{ name, status: 'fault', text: link.errorOf(thrown).message, advice }];
      }
    }),
  );
  const findings = found.flat();
  return findings.length > 0 ? findings : [fine('streams', `all ${plan.streams.length} streams are as they must be`)];
}

/** Nothing when all is well. Pure. */
export function replicaFindings(
  name: string,
  { config, cluster }: Pick<StreamInfo, 'config' | 'cluster'>,
  isCluster: boolean,
): BusFinding[] {
  if (!isCluster) return [];
  if (!cluster?.leader) {
    const text = `${name} has no leader: it takes and gives nothing`;
    return [{ name, status: 'fault', text, advice: 'Bring the servers of its copies back.' }];
  }
  const away = (cluster.replicas ?? []).filter(({ offline, current }) => offline || !current);
  if (away.length > 0) {
    const text = `${name}: copies on ${away.map((one) => one.name).join(', ')} are away or behind`;
    return [{ name, status: 'warn', text, advice: 'Bring these servers back before another one goes.' }];
  }
  if (config.num_replicas > 1) return [];
  const text = `${name} has one copy in a cluster: it is away while that server is, and gone with its disk`;
  return [{ name, status: 'warn', text, advice: `Set \`bus.replicas: 3\`, and see \`nats stream edit --replicas\`.` }];
}

/** Tries what every role does, in places where nobody listens. */
async function rightsFindings({ link, plan, claims }: ExamineParts): Promise<BusFinding[]> {
  const probes = [
    { right: 'claim', needs: plan.names.claimSubjects, run: () => takeAndFree(claims) },
    { right: 'retry', needs: plan.names.retrySubjects, run: () => publishNowhere(link, plan) },
    { right: 'hear answers', needs: '_INBOX.> (to subscribe)', run: () => link.nc.flush() },
  ];
  const findings: BusFinding[] = [];
  for (const { right, needs, run } of probes) {
    try {
      await run();
    } catch (thrown) {
      const text = link.errorOf(thrown).message;
      const advice = `It needs the right to ${needs}; docs/operations.md lists the rights.`;
      findings.push({ name: `right to ${right}`, status: 'fault', text, advice });
    }
  }
  return findings.length > 0
    ? findings
    : [fine('rights', 'the rights to claim, to retry and to hear answers are there')];
}

async function takeAndFree(claims: Claims): Promise<void> {
  const claim = await claims.claim(`doctor.${randomUUID()}`, 'layerwright doctor');
  await claim?.release();
}

/** A message that no stream takes, as it names another one: what is refused for that was allowed. */
async function publishNowhere(link: Link, { names }: Plan): Promise<void> {
  const subject = names.retrySubject('doctor');
  try {
    await link.js.publish(subject, '', { timeout: PROBE_MS, expect: { streamName: 'LW-nowhere' } });
  } catch (thrown) {
    if (apiCode(thrown) !== API.otherStream) throw thrown;
  }
}
