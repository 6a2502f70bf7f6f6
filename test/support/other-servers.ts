/** Servers that are not the broker we want: brokers that are too old, a web server, one that never says a word. */
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface OtherServer {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  stop(): Promise<void>;
}

/** A web server, which answers what it does not understand with 400. */
export function startWebServer(): Promise<OtherServer> {
  return serve(createHttpServer((_, response) => response.end('hello\n')));
}

/** Takes connections, and never says a word. */
export function startSilentServer(): Promise<OtherServer> {
  return serve(createServer());
}

/** Greets as nats-server of that version does, and answers pings; nothing else. */
export function startGreetingNats(version: string): Promise<OtherServer> {
  return serve(
    createServer((socket) => {
      const info = { server_id: 'OLD', version, proto: 1, headers: true, max_payload: 2_097_152 };
      socket.write(`INFO ${JSON.stringify(info)}\r\n`);
      socket.on('data', (data) => {
        if (data.includes('PING\r\n')) socket.write('PONG\r\n');
      });
    }),
  );
}

/** Methods of the class connection (AMQP 0-9-1, 1.4) that open one and close it. */
const CONNECTION = 10;
const METHOD = { start: 10, startOk: 11, tune: 30, open: 40, openOk: 41, close: 50, closeOk: 51 } as const;
const HEADER_BYTES = 7;
const FRAME_END = 0xce;

/** Opens connections as RabbitMQ of that version does; nothing else. */
export function startGreetingRabbitmq(version: string): Promise<OtherServer> {
  return serve(
    createServer((socket) => {
      let rest: Buffer = Buffer.alloc(0);
      socket.on('data', (data) => {
        rest = Buffer.concat([rest, data]);
        if (rest.subarray(0, 4).toString('latin1') === 'AMQP') {
          rest = rest.subarray(8);
          socket.write(method(METHOD.start, startArguments(version)));
        }
        while (rest.length >= HEADER_BYTES && rest.length >= HEADER_BYTES + rest.readUInt32BE(3) + 1) {
          answer(socket, rest.readUInt16BE(HEADER_BYTES + 2));
          rest = rest.subarray(HEADER_BYTES + rest.readUInt32BE(3) + 1);
        }
      });
    }),
  );
}

function answer(socket: Socket, asked: number): void {
  if (asked === METHOD.startOk) socket.write(method(METHOD.tune, Buffer.from([0x07, 0xff, 0, 2, 0, 0, 0, 10])));
  else if (asked === METHOD.open) socket.write(method(METHOD.openOk, Buffer.from([0])));
  else if (asked === METHOD.close) socket.end(method(METHOD.closeOk, Buffer.alloc(0)));
}

function startArguments(version: string): Buffer {
  const properties = Buffer.concat([property('product', 'RabbitMQ'), property('version', version)]);
  return Buffer.concat([Buffer.from([0, 9]), long(properties), long('PLAIN'), long('en_US')]);
}

function property(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from('S'), long(value)]);
}

function long(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function method(number: number, content: Buffer): Buffer {
  const payload = Buffer.concat([Buffer.from([0, CONNECTION, 0, number]), content]);
  return Buffer.concat([Buffer.from([1, 0, 0]), long(payload), Buffer.from([FRAME_END])]);
}

async function serve(server: Server): Promise<OtherServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
