/** The strict shape of a preset file (issuers.md §6): what one issuer sends, and how Postern treats it by default. */

import { z } from 'zod';
import { parsePath } from './claim-values.ts';
import { algorithms, wellKnownProviders } from './model.ts';

const text = z.string().min(1);
const name = z.string().regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'must be lower-case words joined by hyphens');
const date = z.iso.date();
const seconds = z.int().nonnegative();
const claimPath = z.string().refine((path) => parsePath(path) !== undefined, 'is not a claim path');

const rule = z.strictObject({
  claim: claimPath,
  in: z.array(z.json()).min(1).exactOptional(),
  startsWith: text.exactOptional(),
});

const issuer = z.strictObject({
  kind: z.enum(['fixed', 'template', 'free', 'spiffe']),
  values: z.array(text),
  templates: z.array(
    z.strictObject({
      text,
      params: z.array(z.strictObject({ name: text, stability: z.enum(['stable', 'mutable']) })),
    }),
  ),
  shared: z.boolean(),
  /** Forms of the issuer that belong to one tenant although `shared` is true. */
  sharedExceptions: z.array(text),
  trailingSlash: z.boolean(),
});

const keys = z.strictObject({
  source: z.enum(['discovery', 'bundle', 'upload']),
  /** For the imitation only: Postern takes the address from discovery. */
  jwksPath: z.string().startsWith('/'),
  algorithms: z.array(z.enum(algorithms)).min(1),
  keyUse: text.exactOptional(),
  algFromKey: z.boolean(),
});

const header = z.strictObject({
  typ: z.array(z.enum(['JWT', 'JOSE'])),
  kidRequired: z.boolean(),
  extra: z.array(z.enum(['x5t'])),
});

const audience = z.strictObject({
  /** Template of claims; null = the job has to name one. */
  default: text.nullable(),
  shape: z.enum(['string', 'list', 'either']),
  chosenAt: z.enum(['request', 'pipeline-file', 'workspace', 'fixed']),
  mode: z.enum(['single', 'contains']),
});

const time = z.strictObject({
  issuedAt: z.enum(['request', 'job-start', 'phase-start', 'cache']),
  lifetimeSeconds: seconds,
  /** `nbf − iat`; null = no `nbf`. */
  nbfOffsetSeconds: z.int().nullable(),
  iatRequired: z.boolean(),
  maxAgeSeconds: seconds,
  maxAgeRule: z.enum(['fixed', 'until-exp']),
  maxLifetimeSeconds: seconds,
});

const subjectPart = z.union([
  text,
  z.strictObject({
    field: z.string().regex(/^[a-z][a-z0-9_]*$/),
    value: text,
    delimiters: z.string(),
    digits: z.boolean().exactOptional(),
    values: z.array(text).min(1).exactOptional(),
  }),
  z.strictObject({ pairs: z.array(claimPath).min(1), usual: z.array(claimPath).min(1) }),
]);

const subject = z.strictObject({
  forms: z
    .array(
      z.strictObject({
        id: name,
        family: name.exactOptional(),
        when: rule.exactOptional(),
        grammar: z.array(subjectPart).min(1),
        since: date.exactOptional(),
        until: date.exactOptional(),
        example: text,
      }),
    )
    .min(1),
  escape: z.record(z.string().length(1), text).exactOptional(),
  customisable: z.boolean(),
});

const length = z.int().min(1).max(128);
/** How the imitation makes a claim when the caller does not give it. */
const sampleGenerator = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sample') }),
  z.strictObject({ kind: z.literal('omit') }),
  z.strictObject({ kind: z.literal('protocol') }),
  z.strictObject({ kind: z.literal('uuid') }),
  z.strictObject({ kind: z.literal('hex'), length }),
  z.strictObject({ kind: z.literal('digits'), length }),
  z.strictObject({ kind: z.literal('letters'), prefix: z.string(), length }),
  z.strictObject({
    kind: z.literal('template'),
    /** The first case whose `when` holds gives the value; text is a template of claims declared earlier. */
    cases: z.array(z.strictObject({ when: rule.exactOptional(), text: z.string() })).min(1),
  }),
]);

const claim = z.strictObject({
  type: z.enum(['string', 'double', 'bool', 'list', 'map', 'dyn']),
  stringly: z.enum(['bool', 'number']).exactOptional(),
  class: z.enum([
    'tenantId',
    'tenantName',
    'workloadId',
    'workloadName',
    'context',
    'caller',
    'run',
    'protocol',
  ]),
  optional: z.boolean().exactOptional(),
  when: rule.exactOptional(),
  values: z.array(z.json()).min(1).exactOptional(),
  caseInsensitive: z.boolean().exactOptional(),
  idOf: claimPath.exactOptional(),
  impliesTenant: z.boolean().exactOptional(),
  grammar: text.exactOptional(),
  personal: z.boolean().exactOptional(),
  phrase: text.exactOptional(),
  sample: z.json(),
  sampleGenerator,
  meaning: text,
  history: z.array(z.strictObject({ since: date, text })).exactOptional(),
});

/** Compared with a literal, with what the person typed into a wizard field, or with another claim of the same token. */
const condition = z.union([
  z.strictObject({ claim: claimPath, op: z.enum(['eq', 'ne', 'in', 'prefix', 'suffix']), value: z.json() }),
  z.strictObject({
    claim: claimPath,
    op: z.enum(['eq', 'ne', 'in', 'prefix', 'suffix', 'urlpath', 'urlprefix']),
    field: name,
  }),
  z.strictObject({ claim: claimPath, op: z.enum(['eq', 'ne']), otherClaim: claimPath }),
]);

const wizard = z.strictObject({
  fields: z.array(
    z.strictObject({ id: name, label: text, claim: claimPath, default: z.string().nullable(), help: text }),
  ),
  templates: z.array(
    z.strictObject({ role: z.enum(['read', 'write']), conditions: z.array(condition).min(1) }),
  ),
});

const variable = z.string().regex(/^[A-Z][A-Z0-9_]*$/);
const client = z.strictObject({
  /** Environment variables whose presence tells the platform. */
  detect: z.array(variable),
  obtain: z.discriminatedUnion('kind', [
    /** A request to the address in one variable, with the bearer in another; the answer's member holds the token. */
    z.strictObject({
      kind: z.literal('http'),
      urlVariable: variable,
      bearerVariable: variable,
      audienceParameter: text,
      member: text,
    }),
    /** The platform sets variables; where the job names them itself, this is the name the snippet uses. */
    z.strictObject({ kind: z.literal('env'), variables: z.array(variable).min(1) }),
    z.strictObject({ kind: z.literal('file'), pathVariable: variable }),
    z.strictObject({ kind: z.literal('command'), command: z.array(text).min(1) }),
    z.strictObject({ kind: z.literal('socket'), addressVariable: variable }),
  ]),
  snippet: text,
});

export const presetSchema = z.strictObject({
  schemaVersion: z.literal(1),
  id: name,
  displayName: text,
  docsUrl: z.url({ protocol: /^https$/ }),
  checkedAt: date,
  version: z.int().positive(),
  wellKnownProvider: z.enum(wellKnownProviders),
  issuer,
  keys,
  header,
  audience,
  time,
  replay: z.strictObject({
    default: z.literal('reuse'),
    onceSensible: z.boolean(),
    jti: z.enum(['always', 'sometimes', 'never']),
  }),
  subject,
  /** A trailing star stands for a family of claims (`repo_property_*`). */
  claims: z.record(claimPath, claim),
  mustPin: z.array(z.array(claimPath).min(1)).min(1),
  deny: z.array(z.strictObject({ path: claimPath, value: z.union([z.string(), z.boolean()]), why: text })),
  ask: z.array(z.strictObject({ claim: claimPath, question: text })),
  wizard,
  client,
  attacks: z.array(name),
  samples: z.array(z.record(z.string(), z.json())).min(1),
});

export type Preset = Readonly<z.infer<typeof presetSchema>>;
export type PresetClaim = Preset['claims'][string];
