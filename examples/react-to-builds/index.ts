import { openBus, reactTo } from 'layerwright';

const { BUS_URL = '.layerwright/bus.db', PREFIX = 'org.example.prod' } = process.env;

const bus = await openBus(BUS_URL, { prefix: PREFIX, groups: { deployer: ['build.completed'] } });
await reactTo(bus, 'deployer', {
  'build.completed': ({ build, image }) => console.log(`${build.nvr} is ${image.digest}`),
});
console.log('waiting for builds');
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => bus.close());
