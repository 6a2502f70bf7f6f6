import { shortRef } from '../kernel/git-ref.js';
import { isRepository, parseImageRef } from '../kernel/image-ref.js';
import { busFaults } from './bus-checks.js';
import type { CrossFault } from './cross-fault.js';
import type { Path } from './document.js';
import type { RawConfig } from './generated/raw.js';
import { suggest } from './suggest.js';
import { parseDuration } from './units.js';

type Target = RawConfig['targets'][string];
type Source = RawConfig['sources'][number];
type Check = (at: Path) => readonly CrossFault[];

/**
 * Faults between keys. `usable` says whether the schema had nothing against what stands at a path: checks look at
 * nothing else, so that one mistake is told once.
 */
export function crossFaults(config: RawConfig, usable: (path: Path) => boolean): readonly CrossFault[] {
  const faults: CrossFault[] = [];
  const check = (at: Path, run: Check): void => {
    if (usable(at)) faults.push(...run(at));
  };
  check(['bus', 'kind'], () => busFaults(config.bus, usable));
  for (const [index, source] of listOf(config.sources).entries()) checkSource(source, ['sources', index], check);
  const registries = Object.keys(config.registries ?? {});
  for (const [name, target] of Object.entries(config.targets ?? {})) {
    checkTarget(target, ['targets', name], registries, check);
  }
  check(['targets'], () => latestTwice(config.targets));
  for (const name of registries) {
    check(['registries', name, 'credentials'], (at) => twoCredentials(config.registries[name]?.credentials, at));
  }
  return faults;
}

function checkSource(source: Source, at: Path, check: (at: Path, run: Check) => void): void {
  check([...at, 'clone'], (here) => [
    ...unknownPlaceholders(source.clone, ['namespace', 'repo'], here),
    ...refusedUrl(source.clone, here),
  ]);
  check([...at, 'component'], (here) => {
    const unknown = unknownPlaceholders(source.component, ['namespace', 'repo'], here);
    if (unknown.length > 0 || isRepository(filled(source.component))) return unknown;
    return [
      { at: here, message: `“${source.component}” can’t name an image`, hint: 'lower case, digits, . _ - and /' },
    ];
  });
  check(at, (here) => {
    if (!source.clone.includes('{namespace}') || source.match.namespace !== undefined) return [];
    return [
      {
        at: [...here, 'match'],
        message: 'the namespace is not limited, so anybody’s repository would be built',
        hint: 'add `namespace: …`, or write the namespace into `clone`',
      },
    ];
  });
  for (const key of ['namespace', 'repo', 'host'] as const) {
    check([...at, 'match', key], (here) => {
      const pattern = source.match?.[key];
      if (pattern === undefined || /^[A-Za-z0-9_*][A-Za-z0-9._+*-]*(\/[A-Za-z0-9_*][A-Za-z0-9._+*-]*)*$/.test(pattern))
        return [];
      return [
        {
          at: here,
          message: `“${pattern}” matches no name`,
          hint: 'letters, digits, . _ + - and * for any run of them',
        },
      ];
    });
  }
}

const SCHEMES = ['https', 'http', 'ssh', 'git', 'file'];

/** A clone URL that git would take for something else, or that holds a secret. Local folders are paths. */
function refusedUrl(clone: string, at: Path): readonly CrossFault[] {
  if (/^(\/|\.{1,2}\/|~\/)/.test(clone)) return [];
  const scp = /^(?:([\w.-]+)@)?([\w.-]+):(?!\/\/)(.*)$/.exec(clone);
  if (scp !== null && !clone.includes('::')) {
    const user = scp[1] === undefined ? '' : `${scp[1]}@`;
    return [
      { at, message: 'this form of an ssh address is not taken', hint: `write ssh://${user}${scp[2]}/${scp[3]}` },
    ];
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(clone)?.[1]?.toLowerCase();
  if (scheme === undefined || !SCHEMES.includes(scheme)) {
    return [
      {
        at,
        message: 'git may not clone by this',
        hint: `begin with ${SCHEMES.map((name) => `${name}://`).join(', ')} or a path`,
      },
    ];
  }
  const host = clone.slice(scheme.length + 3).split('/')[0] ?? '';
  if (host.includes('{') || (host === '' && scheme !== 'file')) {
    return [
      { at, message: 'the host must be written out', hint: '`{namespace}` and `{repo}` may stand in the path only' },
    ];
  }
  if (/^[^:]*:.*@/s.test(host)) {
    return [
      {
        at,
        message: 'secrets are not written into this file',
        hint: 'put the token into a file that `credentials: { token_file: … }` names',
      },
    ];
  }
  if (!URL.canParse(filled(clone)))
    return [{ at, message: 'this is no URL', hint: 'for example `https://src.example.org/{namespace}/{repo}.git`' }];
  return [];
}

function checkTarget(
  target: Target,
  at: Path,
  registries: readonly string[],
  check: (at: Path, run: Check) => void,
): void {
  for (const [index, pattern] of listOf(target?.refs).entries()) {
    check([...at, 'refs', index], (here) => refusedPattern(pattern, here));
  }
  check([...at, 'repository'], (here) => {
    const unknown = unknownPlaceholders(target.repository, ['component'], here);
    if (unknown.length > 0) return unknown;
    if (!target.repository.includes('{component}')) {
      return [{ at: here, message: 'all components would share one repository', hint: 'put `{component}` into it' }];
    }
    if (isRepository(filled(target.repository))) return [];
    return [
      {
        at: here,
        message: `“${target.repository}” is no repository of a registry`,
        hint: 'lower case, digits, . _ - and /, as `f41/{component}`',
      },
    ];
  });
  check([...at, 'schedule'], (here) => tooOften(target?.schedule ?? null, here));
  for (const key of ['candidate', 'stable'] as const) {
    check([...at, key], (here) => unknownRegistry(target[key], registries, here));
  }
  for (const [index, allowed] of listOf(target?.parents?.allow).entries()) {
    check([...at, 'parents', 'allow', index], (here) => {
      const parsed = /[@{}]/.test(allowed) ? null : parseImageRef(`${allowed.replace(/\/$/, '')}/x`);
      if (parsed?.ok) return [];
      return [
        {
          at: here,
          message: `“${allowed}” is no registry`,
          hint: 'for example `registry.example.org`, `docker.io/library`',
        },
      ];
    });
  }
  for (const [index, rule] of listOf(target?.parents?.rewrite).entries()) {
    const here = [...at, 'parents', 'rewrite', index];
    check([...here, 'from'], (from) => unknownPlaceholders(rule.from, ['path'], from));
    check([...here, 'to'], (to) => [
      ...unknownPlaceholders(rule.to, ['path'], to),
      ...unknownPlace(rule.to, registries, to),
    ]);
    check(here, () => {
      if (!rule.to.includes('{path}') || rule.from.includes('{path}')) return [];
      return [
        { at: [...here, 'to'], message: '`{path}` stands for nothing here', hint: 'put `{path}` into `from` as well' },
      ];
    });
  }
}

/** An image takes its time to build, and so do all that stand on it. */
const SHORTEST_SCHEDULE_MS = 3_600_000;

function tooOften(schedule: string | null, at: Path): readonly CrossFault[] {
  const ms = schedule === null ? null : parseDuration(schedule);
  if (ms === null || ms >= SHORTEST_SCHEDULE_MS) return [];
  return [
    { at, message: `${schedule} is too often to build every image anew`, hint: 'at least `1h`, for example `7d`' },
  ];
}

function refusedPattern(pattern: string, at: Path): readonly CrossFault[] {
  if (pattern.startsWith('refs/')) {
    const short = pattern.replace(/^refs\/heads\//, '').replace(/^refs\/tags\//, 'tags/');
    return [{ at, message: 'refs are written by their short names', hint: `write \`${short}\`` }];
  }
  const ref = shortRef(pattern.replaceAll('*', 'x'));
  return ref.ok ? [] : [{ at, message: `no branch or tag can match “${pattern}”: ${ref.error.reason}`, hint: '' }];
}

function unknownRegistry(name: string | null, registries: readonly string[], at: Path): readonly CrossFault[] {
  if (name === null || registries.includes(name)) return [];
  const near = suggest(name, registries);
  const known = registries.map((known) => `\`${known}\``).join(', ');
  const hint = near === null ? `\`registries\` has ${known || 'none'}` : `did you mean \`${near}\`?`;
  return [{ at, message: `there is no registry “${name}”`, hint }];
}

/** A rewrite leads to a registry of ours by name, or to a host. */
function unknownPlace(to: string, registries: readonly string[], at: Path): readonly CrossFault[] {
  const first = to.split('/')[0] ?? '';
  return /[.:]/.test(first) || first === 'localhost' ? [] : unknownRegistry(first, registries, at);
}

function latestTwice(targets: RawConfig['targets']): readonly CrossFault[] {
  const owners = new Map<string, string>();
  const faults: CrossFault[] = [];
  for (const [name, { latest, candidate, repository }] of Object.entries(targets)) {
    if (!latest) continue;
    const place = `${candidate} ${repository}`;
    const owner = owners.get(place);
    if (owner === undefined) owners.set(place, name);
    else {
      const message = `the target ${owner} has the tag \`latest\` of ${repository} already`;
      faults.push({
        at: ['targets', name, 'latest'],
        message,
        hint: 'of targets that share a repository one can own it',
      });
    }
  }
  return faults;
}

function twoCredentials(
  credentials: RawConfig['registries'][string]['credentials'] | undefined,
  at: Path,
): readonly CrossFault[] {
  if (credentials?.user_file === undefined || credentials.docker_config === false) return [];
  return [
    { at, message: 'two ways to come in are given', hint: 'keep `docker_config`, or `user_file` and `password_file`' },
  ];
}

function unknownPlaceholders(template: string, known: readonly string[], at: Path): readonly CrossFault[] {
  const names = known.map((name) => `{${name}}`);
  const wrong = template.match(/\{[^{}]*\}?|\}/g)?.filter((found) => !names.includes(found)) ?? [];
  return wrong.map((found) => {
    const near = suggest(found.replace(/[{}]/g, ''), known);
    return {
      at,
      message: `${found} is no placeholder`,
      hint:
        near === null ? `here stand ${names.map((name) => `\`${name}\``).join(', ')}` : `did you mean \`{${near}}\`?`,
    };
  });
}

function filled(template: string): string {
  return template.replaceAll(/\{[a-z]+\}/g, 'x');
}

/** The items of what should be a list; the schema has said it when it is none. */
function listOf<T>(list: readonly T[] | undefined): readonly T[] {
  return Array.isArray(list) ? list : [];
}
