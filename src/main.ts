#!/usr/bin/env node
import { createProgram } from './cli/program.ts';
import { createTerminal } from './cli/terminal.ts';

/** Process start: reads the command line, hands over, and turns the outcome into an exit status. */

const program = createProgram({
  terminal: createTerminal(process.stdout),
  fetch: globalThis.fetch,
  onSignal: (signals, task) => {
    for (const signal of signals) process.once(signal, task);
  },
  exit: (status) => {
    process.exitCode = status;
  },
});

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`postern: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
