import { invalidArgument } from '../kernel/errors.ts';

/** Limits of contract §7.1; they count UTF-8 bytes. */
const maxDisplayNameBytes = 512;
const maxDescriptionBytes = 2_048;

/** Refuses a name that is empty or longer than 512 bytes: 400 code 3. */
export function checkDisplayName(displayName: string): void {
  const bytes = Buffer.byteLength(displayName);
  if (bytes < 1 || bytes > maxDisplayNameBytes) {
    throw invalidArgument('displayName', `must have 1 to ${maxDisplayNameBytes} bytes`);
  }
}

/** Refuses a description longer than 2,048 bytes: 400 code 3. */
export function checkDescription(description: string): void {
  if (Buffer.byteLength(description) > maxDescriptionBytes) {
    throw invalidArgument('description', `must have at most ${maxDescriptionBytes} bytes`);
  }
}
