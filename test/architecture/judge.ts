import { posix } from 'node:path';
import { scan } from './scan.ts';
import { adapters, doors, forbiddenFolders, type Room, rooms, wiring } from './table.ts';

/** Applies the table to a file: the sentences say what is wrong. */

/** The room of a file by its path under `src`; `undefined` for a place that the table does not know. */
export function roomOf(path: string): string | undefined {
  const names = Object.keys(rooms).filter((name) => path.startsWith(`${name}/`));
  return names.sort((left, right) => right.length - left.length)[0];
}

function isWithin(path: string, allowed: readonly string[]): boolean {
  return allowed.some((entry) => path === entry || path === `${entry}.ts` || path.startsWith(`${entry}/`));
}

function isBuiltin(target: string): boolean {
  return target.startsWith('node:');
}

function importProblem(path: string, room: Room, name: string, target: string, isTypeOnly: boolean) {
  if (target.startsWith('.')) {
    const file = posix.join(posix.dirname(path), target);
    if (file.startsWith('..')) return `imports ${target} from outside src`;
    if (roomOf(file) === name || isWithin(file, room.rooms)) return undefined;
    if (isTypeOnly && isWithin(file, room.typesOnly ?? [])) return undefined;
    return `${name} must not import ${file}`;
  }
  if (isBuiltin(target)) {
    const openTo = doors[target];
    return openTo === undefined || openTo.includes(name) ? undefined : `${name} must not open ${target}`;
  }
  const [first = '', second = ''] = target.split('/');
  const library = first.startsWith('@') ? `${first}/${second}` : first;
  return room.libraries.includes(library) ? undefined : `${name} must not import the library ${target}`;
}

/** Everything that the house rules forbid in this file; `path` is relative to `src`, with slashes. */
export function judge(path: string, source: string): readonly string[] {
  const { imports, ambient, forbidden } = scan(path, source);
  const problems = [...forbidden];
  const folder = posix
    .dirname(path)
    .split('/')
    .find((part) => forbiddenFolders.includes(part));
  if (folder !== undefined) problems.push(`lies in a folder named ${folder}`);
  if (wiring.includes(path)) return problems;
  const name = roomOf(path);
  const room = name === undefined ? undefined : rooms[name];
  if (name === undefined || room === undefined) return [...problems, 'lies in no room of the table'];
  for (const { target, isTypeOnly } of imports) {
    const problem = importProblem(path, room, name, target, isTypeOnly);
    if (problem !== undefined) problems.push(problem);
  }
  return isWithin(path, adapters) ? problems : [...problems, ...ambient.map((use) => `uses ${use} itself`)];
}
