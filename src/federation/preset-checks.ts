/** What a preset's schema cannot say: that its parts speak of the same claims, and that its samples are its own. */

import { type ClaimRule, readClaim, templateClaims } from './claim-values.ts';
import type { Preset, PresetClaim } from './preset-schema.ts';
import { buildSubject, parseSubject, type SubjectPart } from './subject.ts';

/** Every contradiction inside the preset, as sentences that begin with the place; empty = sound. */
export function presetProblems(preset: Preset): string[] {
  return [
    ...unknownReferences(preset),
    ...generatorProblems(preset),
    ...Object.entries(preset.claims).flatMap(([path, claim]) => claimProblems(path, claim)),
    ...preset.subject.forms.flatMap((form) => formProblems(preset, form)),
    ...preset.samples.flatMap((sample, index) => sampleProblems(preset, sample, `samples.${index}`)),
  ];
}

type Reference = readonly [place: string, claim: string];

function unknownReferences(preset: Preset): string[] {
  const { claims, mustPin, deny, ask, wizard, subject, audience } = preset;
  const references: Reference[] = [
    ...mustPin.flat().map((claim): Reference => ['mustPin', claim]),
    ...deny.map(({ path }): Reference => ['deny', path]),
    ...ask.map(({ claim }): Reference => ['ask', claim]),
    ...wizard.fields.map(({ id, claim }): Reference => [`wizard.fields.${id}`, claim]),
    ...Object.values(claims).flatMap(({ idOf }): Reference[] => (idOf === undefined ? [] : [['idOf', idOf]])),
    ...templateClaims(audience.default ?? '').map((claim): Reference => ['audience.default', claim]),
    ...subject.forms.flatMap((form): Reference[] => [
      ...ruleClaims(form.when).map((claim): Reference => [`subject.forms.${form.id}`, claim]),
      ...form.grammar.flatMap(partClaims).map((claim): Reference => [`subject.forms.${form.id}`, claim]),
    ]),
    ...wizard.templates.flatMap(({ role, conditions }) =>
      conditions.flatMap((condition): Reference[] => [
        [`wizard.templates.${role}`, condition.claim],
        ...('otherClaim' in condition ? [[`wizard.templates.${role}`, condition.otherClaim] as const] : []),
      ]),
    ),
  ];
  const fields = new Set(wizard.fields.map(({ id }) => id));
  const unknownFields = wizard.templates
    .flatMap(({ conditions }) => conditions)
    .flatMap((condition) => ('field' in condition && !fields.has(condition.field) ? [condition.field] : []));
  return [
    ...references
      .filter(([, claim]) => !Object.hasOwn(claims, claim))
      .map(([place, claim]) => `${place}: claim ${claim} is not declared`),
    ...unknownFields.map((field) => `wizard.templates: field ${field} is not declared`),
  ];
}

const ruleClaims = (rule: ClaimRule | undefined): string[] => (rule === undefined ? [] : [rule.claim]);

function partClaims(part: SubjectPart): readonly string[] {
  if (typeof part === 'string') return [];
  return 'field' in part ? templateClaims(part.value) : [...part.pairs, ...part.usual];
}

/** A claim may be derived only from claims declared before it, so that one pass makes them all and no circle exists. */
function generatorProblems({ claims }: Preset): string[] {
  const declared = new Set<string>();
  const problems: string[] = [];
  for (const [path, { when, sampleGenerator }] of Object.entries(claims)) {
    const cases = sampleGenerator.kind === 'template' ? sampleGenerator.cases : [];
    const read = [
      ...ruleClaims(when),
      ...cases.flatMap((one) => [...ruleClaims(one.when), ...templateClaims(one.text)]),
    ];
    for (const claim of read) {
      if (!declared.has(claim)) problems.push(`claims.${path}: ${claim} is not declared before it`);
    }
    declared.add(path);
  }
  return problems;
}

function claimProblems(path: string, { type, values, sample, stringly }: PresetClaim): string[] {
  const problems: string[] = [];
  if (!hasType(sample, type)) problems.push(`claims.${path}: the sample is no ${type}`);
  if (values !== undefined && !values.includes(sample)) {
    problems.push(`claims.${path}: the sample is none of the values`);
  }
  if (stringly !== undefined && type !== 'string')
    problems.push(`claims.${path}: stringly needs type string`);
  return problems;
}

function hasType(value: unknown, type: PresetClaim['type']): boolean {
  if (type === 'dyn') return true;
  if (type === 'list') return Array.isArray(value);
  if (type === 'map') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === { string: 'string', double: 'number', bool: 'boolean' }[type];
}

function formProblems({ subject }: Preset, form: Preset['subject']['forms'][number]): string[] {
  return parseSubject(subject, form.example)?.form === form.id && isRebuilt(subject, form.example)
    ? []
    : [`subject.forms.${form.id}: the example does not parse as this form alone`];
}

function isRebuilt(subject: Preset['subject'], text: string): boolean {
  const parsed = parseSubject(subject, text);
  return parsed !== undefined && buildSubject(subject, parsed) === text;
}

function sampleProblems(preset: Preset, sample: Readonly<Record<string, unknown>>, place: string): string[] {
  const sub = sample['sub'];
  const problems =
    typeof sub === 'string' && isRebuilt(preset.subject, sub)
      ? []
      : [`${place}: sub does not parse with exactly one grammar`];
  for (const [path, { type, optional, values }] of Object.entries(preset.claims)) {
    const value = readClaim(sample, path);
    if (value === undefined) {
      if (!optional) problems.push(`${place}: ${path} is missing`);
    } else if (!hasType(value, type) || (values !== undefined && !values.includes(value as never))) {
      problems.push(`${place}: ${path} has a value that its declaration does not know`);
    }
  }
  return problems;
}
