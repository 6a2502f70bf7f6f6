// The import table of docs/architecture.md, as rules. A test proves that each kind of forbidden import fails.
const WORKING = ['trigger', 'builder', 'planner', 'updater', 'replay', 'gateway', 'keeper'];
const STORES = ['bus', 'registry', 'git'];

/** Rooms that `from` may import beside itself. */
const MAY = {
  kernel: [],
  runtime: ['kernel'],
  observability: ['kernel'],
  config: ['kernel'],
  messages: ['kernel'],
  bus: ['kernel', 'runtime', 'observability', 'messages'],
  registry: ['kernel', 'runtime', 'observability', 'messages'],
  git: ['kernel', 'runtime', 'observability', 'messages'],
  ledger: ['kernel', 'runtime', 'observability', 'messages', 'bus'],
  rebuilds: ['kernel', 'runtime', 'observability', 'messages', 'ledger'],
  why: ['kernel', 'runtime', 'observability', 'messages', 'ledger', 'rebuilds'],
  library: ['kernel', 'messages', 'bus'],
  ...Object.fromEntries(
    WORKING.map((room) => [room, ['kernel', 'runtime', 'observability', 'messages', ...STORES, 'ledger', 'rebuilds']]),
  ),
};
const door = (rooms) => `^src/(${rooms.join('|')})/(?!index\\.ts$)`;

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(MAY).map(([room, allowed]) => ({
      name: `${room}-imports`,
      comment: `${room} may import: ${allowed.join(', ') || 'nothing'}`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: '^src/', pathNot: `^src/(${[room, ...allowed].join('|')})/` },
    })),
    {
      name: 'stores-and-ledger-by-their-doors',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { path: door(['bus', 'registry', 'git', 'ledger', 'messages', 'config', 'library', 'rebuilds', 'why', ...WORKING]), pathNot: '^src/$1/' },
    },
    {
      name: 'engines-never-each-other',
      severity: 'error',
      from: { path: '^src/bus/(embedded|amqp|nats)/' },
      to: { path: '^src/bus/(embedded|amqp|nats)/', pathNot: '^src/bus/$1/' },
    },
    {
      name: 'decide-is-pure',
      severity: 'error',
      from: { path: ['^src/[^/]+/decide/', '^src/[^/]+/[^/]+/decide/'] },
      to: { path: '^src/', pathNot: ['^src/(kernel|[^/]+/decide)/', '^src/[^/]+/[^/]+/decide/', '^src/[^/]+/settings\\.ts$'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'decide-does-no-io',
      severity: 'error',
      from: { path: ['^src/[^/]+/decide/', '^src/[^/]+/[^/]+/decide/'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'adapters-in-their-own-room',
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: '^src/main\\.ts$' },
      to: { path: '^src/[^/]+/adapters/', pathNot: '^src/$1/' },
    },
    { name: 'dockerode-in-builder', severity: 'error', from: { pathNot: '^src/builder/adapters/' }, to: { path: 'node_modules/(@types/)?dockerode/' } },
    { name: 'p-retry-in-runtime', severity: 'error', from: { pathNot: '^src/runtime/' }, to: { path: 'node_modules/p-retry/' } },
    { name: 'libsql-in-stores', severity: 'error', from: { path: '^src/', pathNot: '^src/(bus/embedded|ledger)/' }, to: { path: 'node_modules/libsql/' } },
    { name: 'nobody-imports-the-root', severity: 'error', from: { path: '^src/(?!main\\.ts|cli/)' }, to: { path: '^src/(main\\.ts|cli/)' } },
    {
      name: 'the-package-is-its-doors',
      comment: 'what programs beside the service get; the service itself does not import it',
      severity: 'error',
      from: { path: '^src/index\\.ts$' },
      to: { path: '^src/', pathNot: '^src/(kernel/|(bus|library|messages)/index\\.ts$)' },
    },
    {
      name: 'nobody-imports-the-package',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(index\\.ts$|library/)' },
      to: { path: '^src/(index\\.ts$|library/)' },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
