import { type DestinationStream, destination as openDestination, pino } from 'pino';
import type { Logger } from '../kernel/ports.ts';
import { redact, scrubText } from './redaction.ts';

/** Structured log: one JSON object a line, or aligned text for people. Every field and message is redacted on its way in. */

interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Text for people instead of JSON. */
  readonly pretty: boolean;
  /** Default: standard error, so that standard output stays for what a command prints. */
  readonly destination?: DestinationStream;
}

/** Terminal escape sequences and line breaks in logged text must not reach a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}

function prettyLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const pairs = Object.entries(fields).map(([name, value]) => ` ${printable(name)}=${JSON.stringify(value)}`);
  const moment = String(time).slice(11, 19);
  return `${moment} ${String(level).padEnd(5)} ${printable(String(msg))}${pairs.join('')}\n`;
}

export function createLogger(options: LoggerOptions): Logger {
  const { level, pretty, destination = openDestination({ dest: 2, sync: true }) } = options;
  const log = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: pretty ? { streamWrite: prettyLine } : {},
    },
    destination,
  );
  const write =
    (name: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      if (log.isLevelEnabled(name)) log[name](redact(fields), scrubText(message));
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
