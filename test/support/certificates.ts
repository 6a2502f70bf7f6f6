/**
 * X.509 certificates for tests (RFC 5280), written in DER by hand: no program is needed, and expired ones or those of a
 * stranger cost nothing. Keys are P-256.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Certificate {
  readonly name: string;
  readonly pem: string;
  readonly keyPem: string;
  readonly key: KeyObject;
}

export interface CertificateParts {
  /** Common name; of a server's also its DNS name. */
  readonly name: string;
  /** Who signs; absent: itself, as an authority. */
  readonly by?: Certificate;
  /** Days from now; negative is the past. Default: from yesterday for a month. */
  readonly days?: readonly [from: number, to: number];
  /** DNS names and IPv4 addresses that the certificate is good for. */
  readonly hosts?: readonly string[];
}

const DAY_MS = 86_400_000;

export function makeCertificate({ name, by, days = [-1, 30], hosts = [] }: CertificateParts): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const tbs = sequence(
    tagged(0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    commonName(by?.name ?? name),
    sequence(...days.map((day) => utcTime(new Date(Date.now() + day * DAY_MS)))),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...(by === undefined ? [AUTHORITY] : [subjectAltNames(hosts)].filter((one) => one.length > 0)))),
  );
  const signature = sign('sha256', tbs, by?.key ?? privateKey);
  const whole = sequence(tbs, ECDSA_WITH_SHA256, der(0x03, Buffer.from([0]), signature));
  return {
    name,
    pem: `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    key: privateKey,
  };
}

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** Writes certificate and key into a folder, as `<file>.pem` and `<file>.key`. */
export async function writeCertificate(
  folder: string,
  file: string,
  certificate: Certificate,
): Promise<CertificateFiles> {
  const paths = { cert: join(folder, `${file}.pem`), key: join(folder, `${file}.key`) };
  await writeFile(paths.cert, certificate.pem);
  await writeFile(paths.key, certificate.keyPem, { mode: 0o600 });
  return paths;
}

/** One DER value: tag, length, content (X.690, 8.1). */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = content.length.toString(16);
  const bytes = Buffer.from(length.padStart(length.length + (length.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length]), bytes, content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const tagged = (number: number, content: Buffer): Buffer => der(0xa0 | number, content);
const integer = (bytes: Buffer): Buffer => der(0x02, bytes);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
const COMMON_NAME = oid('550403');
/** basicConstraints, critical: an authority. */
const AUTHORITY = sequence(
  oid('551d13'),
  der(0x01, Buffer.from([0xff])),
  der(0x04, sequence(der(0x01, Buffer.from([0xff])))),
);

function commonName(text: string): Buffer {
  return sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(text)))));
}

/** `YYMMDDHHMMSSZ` */
function utcTime(date: Date): Buffer {
  return der(
    0x17,
    Buffer.from(
      `${date
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .slice(2)}`,
    ),
  );
}

function subjectAltNames(hosts: readonly string[]): Buffer {
  if (hosts.length === 0) return Buffer.alloc(0);
  const names = hosts.map((host) =>
    /^[0-9.]+$/.test(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
  );
  return sequence(oid('551d11'), der(0x04, sequence(...names)));
}
