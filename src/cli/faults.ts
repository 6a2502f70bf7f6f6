import { FAILURES } from '../kernel/failure.js';
import { type ErrorCode, type FaultCode, ServiceError } from '../kernel/service-error.js';
import { EXIT } from './context.js';

/** What to do about a fault, and how the command ends by it. */
const FAULTS: Readonly<Record<FaultCode, { readonly advice: string; readonly exit: number }>> = {
  bus_unavailable: {
    advice: 'Check `bus` in the configuration; `layerwright doctor` says what it sees.',
    exit: EXIT.unavailable,
  },
  bus_denied: {
    advice: 'Check user, password, certificate and permissions; docs/operations.md lists what each role needs.',
    exit: EXIT.unavailable,
  },
  bus_incompatible: {
    advice: 'Do what it says; else use the version and the settings that made this bus, or a new one.',
    exit: EXIT.unavailable,
  },
  position_lost: { advice: 'The log was made anew. Run the command again.', exit: EXIT.unavailable },
  message_invalid: { advice: 'Mend the message; `schemas/messages` says what it must hold.', exit: EXIT.usage },
  message_too_large: { advice: 'A message may have 1 MiB.', exit: EXIT.usage },
  config_file_invalid: {
    advice: 'Mend the configuration; `layerwright config schema` says what it may hold.',
    exit: EXIT.usage,
  },
  folder_in_use: { advice: 'Stop the other one, or give this one a folder of its own.', exit: EXIT.unavailable },
  address_in_use: { advice: 'Stop the other program, or give another address.', exit: EXIT.unavailable },
  usage: { advice: '', exit: EXIT.usage },
  not_found: { advice: '`layerwright builds` lists what there is.', exit: EXIT.usage },
  ledger_unavailable: {
    advice: 'Check the state folder: its rights, and the room on its disk.',
    exit: EXIT.unavailable,
  },
  archive_unavailable: {
    advice: 'Check the URL, and what the server says in a browser. Nothing was sent.',
    exit: EXIT.unavailable,
  },
};

/** Failure codes of builds that, met by the command line itself, mean that something outside is away. */
const AWAY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'source_unavailable',
  'engine_unavailable',
  'registry_unavailable',
  'registry_denied',
  'disk_full',
  'platform_unavailable',
]);

/** What to do about an error; empty when there is nothing to say. */
export function adviceFor(code: ErrorCode): string {
  return code in FAULTS ? FAULTS[code as FaultCode].advice : FAILURES[code as keyof typeof FAILURES].advice;
}

/** The exit code of a command that ended by this error. */
export function exitCodeOf(code: ErrorCode): number {
  if (code in FAULTS) return FAULTS[code as FaultCode].exit;
  if (AWAY.has(code)) return EXIT.unavailable;
  return code === 'internal' ? EXIT.internal : EXIT.failed;
}

/** An error as people read it: one sentence with its code, the other side's words, and what to do. */
export function describeFault(error: Error, debug: boolean): { readonly text: string; readonly exit: number } {
  if (!(error instanceof ServiceError)) {
    const stack = debug ? `\n${error.stack ?? ''}` : '';
    return {
      text: `layerwright: a fault of Layerwright itself: ${firstLine(error.message)}${stack}\n  LAYERWRIGHT_DEBUG=1 shows where; please report it.`,
      exit: EXIT.internal,
    };
  }
  const lines = [`layerwright: ${error.message} [${error.code}]`];
  if (error.detail !== '') lines.push(...error.detail.split('\n').map((line) => `  ${line}`));
  const advice = adviceFor(error.code);
  if (advice !== '') lines.push(`  ${advice}`);
  if (debug) lines.push(error.stack ?? '', ...causes(error.cause));
  return { text: lines.join('\n'), exit: exitCodeOf(error.code) };
}

function causes(cause: unknown, depth = 0): string[] {
  if (!(cause instanceof Error) || depth > 4) return [];
  return [`because ${cause.stack ?? cause.message}`, ...causes(cause.cause, depth + 1)];
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
