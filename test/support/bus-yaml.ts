/** The key `bus` of a configuration, for an address as tests have it: a URL or the path of a file. */
export function busYaml(address: string): string {
  const quoted = JSON.stringify(address);
  if (/^amqps?:/.test(address)) return `bus: { kind: amqp, url: ${quoted} }`;
  if (/^(nats|tls):/.test(address)) return `bus: { kind: nats, servers: [${quoted}] }`;
  return `bus: { kind: embedded, path: ${quoted} }`;
}
