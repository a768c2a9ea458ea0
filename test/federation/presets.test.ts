import { expect } from 'chai';
import fc from 'fast-check';
import { readPresetFolder } from '../../src/config/preset-folder.ts';
import { loadPresets } from '../../src/federation/presets.ts';
import { buildSubject, parseSubject, type SubjectForm } from '../../src/federation/subject.ts';

const files = readPresetFolder('config/presets');
const presets = loadPresets(files);
const preset = (id: string) => presets.get(id) ?? expect.fail(`no preset ${id}`);
const github = preset('github-actions');

/** The GitHub preset's text with other values at some places of its JSON; `undefined` removes a member. */
function changed(places: Readonly<Record<string, unknown>> = {}): { name: string; text: string } {
  const json: unknown = JSON.parse(JSON.stringify(github));
  for (const [place, value] of Object.entries(places)) {
    const names = place.split('/');
    const last = names.pop() ?? '';
    const parent = names.reduce((inner, name) => (inner as Record<string, unknown>)[name], json);
    (parent as Record<string, unknown>)[last] = value;
  }
  return { name: 'changed.json', text: JSON.stringify(json) };
}

describe('presets', () => {
  it('are found by id and by wire value', () => {
    expect(presets.all().map(({ id }) => id)).to.include.members(['custom', 'github-actions', 'gitlab-ci']);
    expect(files.map(({ name }) => name)).to.deep.equal(presets.all().map(({ id }) => `${id}.json`));
    expect(presets.get('nobody')).to.equal(undefined);
    expect(presets.forWellKnown('WELL_KNOWN_WORKLOAD_PROVIDER_GITHUB_ACTIONS')).to.equal(github);
    expect(presets.forWellKnown('WELL_KNOWN_WORKLOAD_PROVIDER_CUSTOM')).to.equal(preset('custom'));
    expect(presets.forWellKnown('WELL_KNOWN_WORKLOAD_PROVIDER_SPIFFE')).to.equal(undefined);
  });

  it('carry the freshness and replay defaults of the contract', () => {
    const table = Object.fromEntries(
      presets
        .all()
        .map(({ id, time, replay, audience, issuer }) => [
          id,
          [
            time.maxAgeSeconds,
            time.maxLifetimeSeconds,
            time.iatRequired,
            replay.default,
            audience.mode,
            issuer.shared,
          ],
        ]),
    );
    expect(table).to.deep.include({
      'github-actions': [600, 86_400, true, 'reuse', 'single', true],
      'gitlab-ci': [3_600, 86_400, true, 'reuse', 'single', true],
      custom: [600, 86_400, true, 'reuse', 'single', true],
    });
  });

  for (const { id, claims, samples, subject, mustPin, deny, wizard, ask } of presets.all()) {
    describe(id, () => {
      it('has samples whose subject parses with exactly one grammar and is rebuilt byte for byte', () => {
        for (const { sub } of samples) {
          const parsed = parseSubject(subject, String(sub)) ?? expect.fail(`${sub} does not parse`);
          expect(buildSubject(subject, parsed)).to.equal(sub);
        }
        const families = new Set(subject.forms.map((form) => form.family ?? form.id));
        const shown = samples.map(({ sub }) => parseSubject(subject, String(sub))?.form);
        const shownFamilies = subject.forms.filter((form) => shown.includes(form.id));
        expect(new Set(shownFamilies.map((form) => form.family ?? form.id))).to.deep.equal(families);
      });

      it('speaks only of claims that it declares', () => {
        const spoken = [
          ...mustPin.flat(),
          ...deny.map(({ path }) => path),
          ...ask.map(({ claim }) => claim),
          ...wizard.fields.map(({ claim }) => claim),
          ...wizard.templates.flatMap(({ conditions }) => conditions.map(({ claim }) => claim)),
        ];
        expect(spoken.filter((claim) => claims[claim] === undefined)).to.deep.equal([]);
      });

      it('pins a complete set in each wizard template', () => {
        for (const { conditions } of wizard.templates) {
          const pinned = conditions.filter(({ op }) => op !== 'ne').map(({ claim }) => claim);
          expect(mustPin.some((set) => set.every((claim) => pinned.includes(claim)))).to.equal(true);
        }
      });
    });
  }

  const late = { kind: 'template', cases: [{ text: '{sha}' }] };
  const twin = { ...github.subject.forms[0], id: 'twin' };
  const broken: [title: string, problem: string, place: string, value: unknown][] = [
    ['an unknown member', 'Unrecognized key', 'colour', 'red'],
    ['an unknown member deep inside', 'Unrecognized key', 'claims/ref/colour', 'red'],
    ['another schema version', 'schemaVersion', 'schemaVersion', 2],
    ['an algorithm nobody may use', 'keys.algorithms', 'keys/algorithms', ['HS256']],
    ['a path that is no path', 'is not a claim path', 'mustPin/0', ['a..b']],
    ['a must-pin claim that is not declared', 'mustPin: claim repo ', 'mustPin', [['repo']]],
    ['a deny claim that is not declared', 'deny: claim event ', 'deny/0/path', 'event'],
    ['a question on a claim that is not declared', 'ask: claim event ', 'ask/0/claim', 'event'],
    ['a wizard claim that is not declared', 'wizard.fields', 'wizard/fields/0/claim', 'x'],
    ['a condition on an unknown field', 'field nothing', 'wizard/templates/0/conditions/0/field', 'nothing'],
    [
      'an audience of unknown claims',
      'audience.default: claim owner',
      'audience/default',
      'https://x/{owner}',
    ],
    ['a claim derived from a later one', 'not declared before it', 'claims/event_name/sampleGenerator', late],
    ['a sample of the wrong type', 'the sample is no string', 'claims/run_id/sample', 7],
    ['a sample that is none of the values', 'none of the values', 'claims/ref_type/sample', 'commit'],
    ['a token sample without a claim', 'actor is missing', 'samples/0/actor', undefined],
    ['a token sample of another type', 'a value that its declaration', 'samples/0/ref_protected', true],
    [
      'a token sample with a foreign subject',
      'sub does not parse',
      'samples/0/sub',
      'repo:acme:pull_request',
    ],
    ['two forms that claim one subject', 'does not parse as this form alone', 'subject/forms/7', twin],
  ];
  for (const [title, problem, place, value] of broken) {
    it(`refuse ${title}`, () => {
      expect(() => loadPresets([changed({ [place]: value })])).to.throw(problem);
    });
  }

  it('name every problem of every file at once', () => {
    const second = changed({ version: 0 });
    const all = [{ name: 'first.json', text: '{' }, { ...second, name: 'second.json' }, ...files];
    expect(() => loadPresets(all)).to.throw(/first\.json: is not JSON\nsecond\.json: version/);
  });

  it('refuse two files of one id, and two that stand for one wire value', () => {
    expect(() => loadPresets([...files, changed()])).to.throw('preset github-actions exists already');
    expect(() => loadPresets([...files, changed({ id: 'github-twin' })])).to.throw(
      'another preset stands for',
    );
  });

  it('property: any text is either a preset or refused in words', () => {
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((json) => `{"schemaVersion":1,"id":${json}}`),
    );
    fc.assert(
      fc.property(text, (content) => {
        expect(() => loadPresets([{ name: 'any.json', text: content }])).to.throw(
          'preset files cannot be used',
        );
      }),
    );
  });
});

describe('subjects', () => {
  const parse = (id: string, text: string) => parseSubject(preset(id).subject, text);
  const parsed: [id: string, text: string, form: string, fields: Record<string, string>][] = [
    [
      'github-actions',
      'repo:acme/infra:ref:refs/heads/main',
      'legacy-ref',
      { owner: 'acme', repository: 'infra', ref: 'refs/heads/main' },
    ],
    [
      'github-actions',
      'repo:acme/infra:pull_request',
      'legacy-pull-request',
      { owner: 'acme', repository: 'infra' },
    ],
    // The abandoned form with hyphens is the plain name of somebody else, never an id of acme.
    [
      'github-actions',
      'repo:acme-1/infra-2:pull_request',
      'legacy-pull-request',
      { owner: 'acme-1', repository: 'infra-2' },
    ],
    [
      'github-actions',
      'repo:acme@1/infra@2:environment:pro%3Aduction',
      'immutable-environment',
      { owner: 'acme', owner_id: '1', repository: 'infra', repository_id: '2', environment: 'pro:duction' },
    ],
    [
      'github-actions',
      'repository_id:2:repository_owner_id:1',
      'custom',
      { repository_id: '2', repository_owner_id: '1' },
    ],
    [
      'gitlab-ci',
      'project_path:acme/team/infra:ref_type:tag:ref:v1',
      'ref',
      { project_path: 'acme/team/infra', ref_type: 'tag', ref: 'v1' },
    ],
    ['gitlab-ci', 'project_path:acme/infra', 'custom', { project_path: 'acme/infra' }],
    ['custom', 'whatever:it/is', 'plain', { subject: 'whatever:it/is' }],
  ];
  for (const [id, text, form, fields] of parsed) {
    it(`parse ${text}`, () => {
      expect(parse(id, text)).to.deep.equal({ form, fields });
      expect(buildSubject(preset(id).subject, { form, fields })).to.equal(text);
    });
  }

  const refused: [id: string, text: string][] = [
    ['github-actions', ''],
    ['github-actions', 'repo:acme-1/infra-2:pull_request:'],
    ['github-actions', 'repo:acme/infra'],
    ['github-actions', 'repo:acme/infra/more:pull_request'],
    ['github-actions', 'repo:acme@1/infra:pull_request'],
    ['github-actions', 'repo:acme@one/infra@2:pull_request'],
    ['github-actions', 'repo:/infra:pull_request'],
    ['github-actions', 'repo:acme/infra:environment:a:ref:b'],
    ['github-actions', 'repo:acme/infra:pull_request\n'],
    ['github-actions', 'repository_id:1:repository_id:2'],
    ['github-actions', 'repository_id:1:constructor:2'],
    ['github-actions', 'repository_id'],
    ['gitlab-ci', 'project_path:acme/infra:ref_type:commit:ref'],
    ['gitlab-ci', 'project_path:acme/infra:branch:main'],
    ['custom', ''],
  ];
  for (const [id, text] of refused) {
    it(`of ${id} refuse ${JSON.stringify(text)}`, () => {
      expect(parse(id, text)).to.equal(undefined);
    });
  }

  it('are not built from fields that would read back differently', () => {
    const build = (fields: Record<string, string>) =>
      buildSubject(github.subject, { form: 'legacy-environment', fields });
    const base = { owner: 'acme', repository: 'infra' };
    expect(build({ ...base, environment: 'a:b' })).to.equal('repo:acme/infra:environment:a%3Ab');
    expect(build({ ...base, environment: 'a%3Ab' })).to.equal(undefined);
    expect(build({ ...base, environment: '' })).to.equal(undefined);
    expect(build(base)).to.equal(undefined);
    expect(build({ ...base, environment: 'a', more: 'b' })).to.equal(undefined);
    expect(build({ owner: 'acme/evil', repository: 'infra', environment: 'a' })).to.equal(undefined);
    expect(buildSubject(github.subject, { form: 'nobody', fields: base })).to.equal(undefined);
  });

  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.string({ unit: fc.constantFrom(':', '/', '@', '%', '3', 'A', 'a', '-', '.', '\0'), maxLength: 12 }),
    fc.constantFrom('refs/heads/main', 'acme', '12', 'branch', 'tag', '%3A', '%3a', '__proto__', 'ref:x'),
  );
  const formsAndFields = fc
    .constantFrom(...presets.all())
    .chain(({ subject }) =>
      fc
        .constantFrom(...subject.forms)
        .chain((form) => fieldsOf(form).map((fields) => ({ subject, subjectOf: { form: form.id, fields } }))),
    );

  function fieldsOf(form: SubjectForm): fc.Arbitrary<Record<string, string>> {
    const names = form.grammar.flatMap((part) => {
      if (typeof part === 'string') return [];
      return 'field' in part ? [part.field] : [...part.usual];
    });
    return fc.record(Object.fromEntries(names.map((name) => [name, hostile])));
  }

  it('property: what is built from hostile fields parses back to the same form and fields, or nothing is built', () => {
    let built = 0;
    fc.assert(
      fc.property(formsAndFields, ({ subject, subjectOf }) => {
        const text = buildSubject(subject, subjectOf);
        if (text === undefined) return;
        built += 1;
        expect(parseSubject(subject, text)).to.deep.equal({ ...subjectOf, fields: { ...subjectOf.fields } });
      }),
      { numRuns: 3_000 },
    );
    expect(built).to.be.greaterThan(100);
  });

  it('property: what parses is rebuilt byte for byte', () => {
    const pieces = fc.array(
      fc.oneof(
        hostile,
        fc.constantFrom('repo:', ':environment:', ':ref:', ':pull_request', '@', '/', 'project_path:'),
      ),
      { maxLength: 8 },
    );
    const samples = presets.all().flatMap(({ subject }) => subject.forms.map(({ example }) => example));
    const text = fc.oneof(
      pieces.map((parts) => parts.join('')),
      fc.tuple(fc.constantFrom(...samples), fc.nat({ max: 60 }), hostile).map(([whole, at, part]) => {
        return whole.slice(0, at) + part + whole.slice(at);
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...presets.all()), text, ({ subject }, sub) => {
        const found = parseSubject(subject, sub);
        if (found !== undefined) expect(buildSubject(subject, found)).to.equal(sub);
      }),
      { numRuns: 3_000 },
    );
  });
});
