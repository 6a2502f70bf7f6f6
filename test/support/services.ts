/**
 * The outside services of a test run, as `npm test` (scripts/test.mjs) starts them: once for all files, private, on the
 * loopback only.
 *
 * ```ts
 * const engine = requireEngine();
 * test('a failing RUN gives build_failed', { skip: engine.skip }, async () => { … engine.url … });
 * ```
 */

export interface TestService {
  /** Where it listens. Empty when it is not there; then `skip` says so. */
  readonly url: string;
  /** For the option `skip` of a test or a suite: false, or why the test can't run and what would enable it. */
  readonly skip: string | false;
}

/** A Docker-compatible engine, `url` as `unix:///…/docker.sock`. It reaches the registry of `requireRegistry`. */
export function requireEngine(): TestService {
  return service('LAYERWRIGHT_TEST_ENGINE', 'a container engine');
}

/** The engine's daemon, for tests that start, kill or fill an engine of their own, as root; `url` is its path. */
export function requireDaemon(): TestService {
  return service('LAYERWRIGHT_TEST_DAEMON', 'an engine of its own, as root on Linux');
}

/** A Podman, the second engine, `url` as `unix:///…/podman.sock`. It reaches the registry of `requireRegistry`. */
export function requirePodman(): TestService {
  return service('LAYERWRIGHT_TEST_PODMAN', 'a Podman');
}

/** As `requirePodman`, but rootless, without subordinate ids and without control groups of its own. */
export function requireRootlessPodman(): TestService {
  return service('LAYERWRIGHT_TEST_ROOTLESS_PODMAN', 'a rootless Podman');
}

/**
 * A program that is one Podman service in the foreground, for tests that stop or kill one; `url` is its path. Configured by
 * LAYERWRIGHT_PODMAN_DIR and others: the head of `scripts/lib/podman.sh`.
 */
export function requirePodmanProgram(): TestService {
  return service('LAYERWRIGHT_TEST_PODMAN_PROGRAM', 'a Podman of its own');
}

/** An empty container registry without authentication, `url` as `http://127.0.0.1:40123`. Shared: use repository names of your own. */
export function requireRegistry(): TestService {
  return service('LAYERWRIGHT_TEST_REGISTRY', 'a container registry');
}

/** The registry's program, for tests that stop, restart or configure one; `url` is its path. */
export function requireRegistryProgram(): TestService {
  return service('LAYERWRIGHT_TEST_REGISTRY_PROGRAM', "the registry's program");
}

/** A statically linked busybox for images made from scratch; `url` is its path. */
export function requireBusybox(): TestService {
  return service('LAYERWRIGHT_TEST_BUSYBOX', 'a static busybox');
}

/** A RabbitMQ, `url` as `amqp://guest:guest@127.0.0.1:40123`. Shared: use a virtual host of your own (`amqp-vhost.ts`). */
export function requireAmqp(): TestService {
  return service('LAYERWRIGHT_TEST_AMQP', 'a RabbitMQ');
}

/** The management API of the RabbitMQ of `requireAmqp`, `url` as `http://guest:guest@127.0.0.1:40124`. */
export function requireAmqpManagement(): TestService {
  return service('LAYERWRIGHT_TEST_AMQP_MANAGEMENT', "a RabbitMQ's management API");
}

/**
 * A program that is one RabbitMQ in the foreground, for tests that stop, kill or configure one; `url` is its path. Configured
 * by LAYERWRIGHT_RABBITMQ_DIR, _PORT, _DIST_PORT, _EPMD_PORT and others: the head of `scripts/lib/rabbitmq.sh`.
 */
export function requireRabbitmq(): TestService {
  return service('LAYERWRIGHT_TEST_RABBITMQ', 'a RabbitMQ of its own');
}

/** The program `nats-server`; `url` is its path (`nats-server.ts` starts one). */
export function requireNatsServer(): TestService {
  return service('LAYERWRIGHT_TEST_NATS_SERVER', 'the program nats-server');
}

/** The Python client pika; `url` is the folder for PYTHONPATH. */
export function requirePika(): TestService {
  return service('LAYERWRIGHT_TEST_PIKA', 'Python 3 with pika');
}

/** The first of several reasons not to run a test. */
export function firstSkip(...services: readonly TestService[]): string | false {
  return services.find((one) => one.skip !== false)?.skip ?? false;
}

function service(variable: string, what: string): TestService {
  const url = process.env[variable] ?? '';
  if (url !== '') return { url, skip: false };
  // The runner could not bring it and knows why; without the runner, it is what is missing.
  const help = process.env[`${variable}_HELP`] ?? '`npm test` starts one';
  return { url, skip: `needs ${what}: ${help}` };
}
