/** The judge as a program: `node --import tsx test/chaos/judge-program.ts '{"bus":…}'` prints what it found as JSON. */
import { gather, type Stores } from './evidence.js';
import { judge } from './judge.js';

const [stores = '{}'] = process.argv.slice(2);
process.stdout.write(`${JSON.stringify(judge(await gather(JSON.parse(stores) as Stores)))}\n`);
