/**
 * Builder and parser of `sub`, from the grammars of a preset file: a sequence of literals and named fields, each field
 * ended by the first of its delimiters. Conditions compare the fields, never the concatenated text (issuers.md §1.6).
 */

import type { ClaimRule } from './claim-values.ts';

interface SubjectField {
  readonly field: string;
  /** Template of claims that the issuer puts here (`claim-values.ts`). */
  readonly value: string;
  /** Characters that the escaped value never contains; the field ends before the first of them. */
  readonly delimiters: string;
  readonly digits?: boolean;
  readonly values?: readonly string[];
}

/** `claim:value` pairs in an order the tenant chose, to the end of the subject. */
interface SubjectPairs {
  readonly pairs: readonly string[];
  /** What the imitation uses unless told otherwise. */
  readonly usual: readonly string[];
}

export type SubjectPart = string | SubjectField | SubjectPairs;

export interface SubjectForm {
  readonly id: string;
  /** Forms that differ only in the kind of job share a family; the first whose `when` holds is the job's. */
  readonly family?: string;
  readonly when?: ClaimRule;
  readonly grammar: readonly SubjectPart[];
}

export interface SubjectGrammar {
  readonly forms: readonly SubjectForm[];
  /** Character → what the issuer writes instead of it inside a field. */
  readonly escape?: Readonly<Record<string, string>>;
}

/** A subject taken apart; in the form of pairs the order of the fields is the order in the text. */
export interface Subject {
  readonly form: string;
  readonly fields: Readonly<Record<string, string>>;
}

type Escapes = readonly (readonly [character: string, sequence: string])[];

const encode = (value: string, escapes: Escapes): string =>
  escapes.reduce((text, [character, sequence]) => text.replaceAll(character, sequence), value);
const decode = (value: string, escapes: Escapes): string =>
  escapes.reduceRight((text, [character, sequence]) => text.replaceAll(sequence, character), value);

/**
 * Takes a subject apart. `undefined` unless exactly one form fits: a text that two forms claim is no proof of either.
 * A form of pairs counts only where no form of fixed shape fits.
 */
export function parseSubject(subject: SubjectGrammar, text: string): Subject | undefined {
  const fixed = subject.forms.filter((form) => !hasPairs(form));
  const found = matches(fixed, subject, text);
  const all = found.length > 0 ? found : matches(subject.forms.filter(hasPairs), subject, text);
  return all.length === 1 ? all[0] : undefined;
}

/**
 * Writes the subject of a form. `undefined` if the form is unknown, a field is missing, or the text would not parse back
 * into the same form and fields (a value that holds a delimiter, or the escape sequence itself).
 */
export function buildSubject(subject: SubjectGrammar, { form: id, fields }: Subject): string | undefined {
  const form = subject.forms.find((candidate) => candidate.id === id);
  if (form === undefined) return undefined;
  const escapes = Object.entries(subject.escape ?? {});
  const text = form.grammar.map((part) => writePart(part, fields, escapes)).join('');
  const parsed = parseSubject(subject, text);
  return parsed !== undefined && parsed.form === id && sameFields(parsed.fields, fields) ? text : undefined;
}

const hasPairs = (form: SubjectForm): boolean =>
  form.grammar.some((part) => typeof part !== 'string' && 'pairs' in part);

function writePart(part: SubjectPart, fields: Subject['fields'], escapes: Escapes): string {
  if (typeof part === 'string') return part;
  if ('field' in part) return encode(fields[part.field] ?? '', escapes);
  return Object.entries(fields)
    .map(([claim, value]) => `${claim}:${encode(value, escapes)}`)
    .join(':');
}

function sameFields(some: Subject['fields'], others: Subject['fields']): boolean {
  const names = Object.keys(some);
  return names.length === Object.keys(others).length && names.every((name) => some[name] === others[name]);
}

function matches(forms: readonly SubjectForm[], subject: SubjectGrammar, text: string): Subject[] {
  const escapes = Object.entries(subject.escape ?? {});
  return forms.flatMap((form) => {
    const raw = matchGrammar(form.grammar, text);
    if (raw === undefined) return [];
    const fields = Object.fromEntries(raw.map(([name, value]) => [name, decode(value, escapes)]));
    return [{ form: form.id, fields }];
  });
}

type RawFields = (readonly [name: string, value: string])[];

function matchGrammar(grammar: readonly SubjectPart[], text: string): RawFields | undefined {
  const fields: RawFields = [];
  let at = 0;
  for (const part of grammar) {
    if (typeof part === 'string') {
      if (!text.startsWith(part, at)) return undefined;
      at += part.length;
    } else if ('field' in part) {
      const value = takeField(part, text, at);
      if (value === undefined) return undefined;
      fields.push([part.field, value]);
      at += value.length;
    } else {
      const pairs = takePairs(part, text.slice(at));
      if (pairs === undefined) return undefined;
      fields.push(...pairs);
      at = text.length;
    }
  }
  return at === text.length ? fields : undefined;
}

function takeField(part: SubjectField, text: string, start: number): string | undefined {
  let end = start;
  while (end < text.length && !part.delimiters.includes(text.charAt(end))) end += 1;
  const value = text.slice(start, end);
  if (value === '' || (part.digits && !/^\d+$/.test(value))) return undefined;
  return part.values === undefined || part.values.includes(value) ? value : undefined;
}

function takePairs(part: SubjectPairs, text: string): RawFields | undefined {
  const pieces = text.split(':');
  if (pieces.length % 2 !== 0) return undefined;
  const fields: RawFields = [];
  for (let at = 0; at < pieces.length; at += 2) {
    const claim = pieces[at] ?? '';
    const value = pieces[at + 1] ?? '';
    const isRepeated = fields.some(([name]) => name === claim);
    if (value === '' || isRepeated || !part.pairs.includes(claim)) return undefined;
    fields.push([claim, value]);
  }
  return fields;
}
