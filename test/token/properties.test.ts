import { expect } from 'chai';
import fc from 'fast-check';
import { type Cutename, formatClientId, parseClientId } from '../../src/kernel/ids.ts';
import {
  assertionForm,
  assertionOf,
  credentialsOf,
  exchangeOf,
  honestToken,
  openTarget,
  type Target,
} from '../attacks/target.ts';
import { type Answer, type Form, formRequest, formType, startTestGateway } from '../gateway.ts';
import { exchangeForm } from '../scene.ts';

const many = { numRuns: 1_000 };
/** A request each, so fewer. */
const some = { numRuns: 300 };

const word = fc.string({
  unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'),
  minLength: 1,
  maxLength: 8,
});
const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 9 });
const cutename = fc.oneof(
  fc.tuple(word, word, digits).map((parts) => parts.join('-')),
  fc.tuple(word, word).map((parts) => parts.join('-')),
);
const host = fc.oneof(
  fc.domain(),
  fc.tuple(fc.domain(), fc.integer({ min: 1, max: 65_535 })).map(([name, port]) => `${name}:${port}`),
  fc.ipV4(),
);
const suffix = fc.constantFrom('spc' as const, 'wfe' as const, 'pcc' as const);

describe('token endpoint, properties', () => {
  it('property: a client id that was written is read back, whatever the case of its host', () => {
    fc.assert(
      fc.property(cutename, host, suffix, (name, where, kind) => {
        const text = formatClientId(name as Cutename, where, kind);
        const expected = { cutename: name, host: where.toLowerCase(), suffix: kind };
        expect(parseClientId(text)).to.deep.equal(expected);
        expect(parseClientId(text.replace(where, where.toUpperCase()))).to.deep.equal(expected);
      }),
      many,
    );
  });

  it('property: a client id with one character changed is none, or another one', () => {
    fc.assert(
      fc.property(
        cutename,
        host,
        suffix,
        fc.nat(),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
        (name, where, kind, at, char) => {
          const text = formatClientId(name as Cutename, where, kind);
          const index = at % text.length;
          const other = text.slice(0, index) + char + text.slice(index + 1);
          const [before, after] = [parseClientId(text), parseClientId(other)];
          const isSame =
            other === text || (index > text.indexOf('@') && other.toLowerCase() === text.toLowerCase());
          if (isSame && after !== undefined) expect(after).to.deep.equal(before);
          else expect(after).not.to.deep.equal(before);
        },
      ),
      many,
    );
  });

  describe('at the endpoint', () => {
    let target: Target;
    before(async () => {
      target = await openTarget(await startTestGateway({ settings: { trustedProxies: ['127.0.0.1/32'] } }));
    });
    after(() => target.gateway.close());

    const expectHarmless = (answer: Answer): void => {
      expect(answer.status, answer.text).to.be.oneOf([400, 401, 413]);
      expect(answer.body['error']).to.be.oneOf([
        'invalid_request',
        'invalid_client',
        'unsupported_grant_type',
      ]);
      expect(answer.text).not.to.match(/access_token|eyJ/);
    };

    it('property: random bytes are refused, never a failure, never a token', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
          expectHarmless(await target.gateway.send({ headers: [formType], body: Buffer.from(bytes) }));
        }),
        some,
      );
    });

    it('property: random values in every field are refused, never a failure, never a token', async () => {
      const names =
        'client_id client_secret client_assertion client_assertion_type subject_token subject_token_type'.split(
          ' ',
        );
      const value = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.json({ maxDepth: 2 }),
        fc.constantFrom('a.b.c', 'e30.e30.e30', '..', ''),
      );
      const forms = fc.tuple(
        fc.constantFrom('client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'),
        fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 6 }),
        fc.boolean(),
      );
      await fc.assert(
        fc.asyncProperty(forms, async ([grant, pairs, isExchange]) => {
          const base = isExchange ? exchangeOf(target) : credentialsOf(target);
          const named = Object.fromEntries(pairs.filter(([name]) => name !== 'client_assertion_type'));
          const form: Form = { ...base, grant_type: grant, ...named };
          const answer = await target.gateway.token(form);
          const isHonest = Object.entries(base).every(([name, text]) => form[name] === text);
          if (!isHonest) expectHarmless(answer);
        }),
        some,
      );
    });

    it('property: a valid token with one character changed is refused', async () => {
      const token = honestToken(target.lab);
      const char = fc.constantFrom(...'ABCXYZabcxyz0189-_=. ');
      await fc.assert(
        fc.asyncProperty(fc.nat(token.length - 1), char, async (at, replacement) => {
          fc.pre(token[at] !== replacement);
          const changed = token.slice(0, at) + replacement + token.slice(at + 1);
          expectHarmless(await target.gateway.token(exchangeForm(target.trust, changed)));
        }),
        some,
      );
    });

    it('property: a valid assertion with one character changed is refused', async () => {
      const char = fc.constantFrom(...'ABCXYZabcxyz0189-_=. ');
      await fc.assert(
        fc.asyncProperty(fc.nat(), char, async (position, replacement) => {
          const assertion = assertionOf(target, target.client);
          const at = position % assertion.length;
          fc.pre(assertion[at] !== replacement);
          const changed = assertion.slice(0, at) + replacement + assertion.slice(at + 1);
          expectHarmless(await target.gateway.token(assertionForm(target.client.clientId, changed)));
        }),
        some,
      );
    });

    it('property: what was sent never comes back in an error', async () => {
      const canary = fc.string({
        unit: fc.constantFrom(...'bcdfghjklmnpqrstvwxz0123456789'),
        minLength: 16,
        maxLength: 40,
      });
      const field = fc.constantFrom(
        'client_secret',
        'client_assertion',
        'subject_token',
        'client_id',
        'grant_type',
        'subject_token_type',
      );
      await fc.assert(
        fc.asyncProperty(field, canary, fc.boolean(), async (name, text, isExchange) => {
          const base = isExchange ? exchangeOf(target) : credentialsOf(target);
          const answer = await target.gateway.token({ ...base, [name]: `x.${text}.y` });
          expect(answer.text).not.to.contain(text);
          expect(JSON.stringify(answer.headers)).not.to.contain(text);
        }),
        some,
      );
    });

    it('property: adding a restriction never grants (decision monotone)', async () => {
      const { scene, principalId, providerId, lab, gateway } = target;
      const path = `/api/v1/service_principals/${principalId}/trusts`;
      const trust = await scene.trust(principalId, providerId);
      const cidrs = fc.subarray([
        '203.0.113.0/24',
        '203.0.113.7/32',
        '198.51.100.0/24',
        '2001:db8::/32',
        '::/0',
      ]);
      const conditions = fc.subarray([
        'claims.repository == "acme/infra"',
        'claims.ref == "refs/heads/main"',
        'claims.environment in ["production", "staging"]',
        'claims.run > 3',
      ]);
      const claims = fc.record({
        repository: fc.constantFrom('acme/infra', 'acme/web'),
        ref: fc.constantFrom('refs/heads/main', 'refs/heads/x'),
        environment: fc.constantFrom('production', 'dev', undefined),
        run: fc.nat(6),
      });
      const address = fc.constantFrom(
        '203.0.113.7',
        '203.0.113.8',
        '198.51.100.1',
        '192.0.2.1',
        '2001:db8::1',
      );
      const isGranted = async (
        restrictions: readonly [readonly string[], readonly string[]],
        token: string,
        from: string,
      ): Promise<boolean> => {
        const [allowed, parts] = restrictions;
        const answer = await scene.admin('PATCH', `${path}/${trust}`, {
          trust: {
            allowSourceCidrs: allowed,
            conditionExpression: ['claims.sub != ""', ...parts].join(' && '),
          },
          updateMask: 'allowSourceCidrs,conditionExpression',
        });
        expect(answer.status, answer.text).to.equal(200);
        const request = formRequest(exchangeForm(trust, token), [['X-Forwarded-For', from]]);
        return (await gateway.send(request)).status === 200;
      };
      let grants = 0;
      await fc.assert(
        fc.asyncProperty(
          cidrs,
          conditions,
          conditions,
          claims,
          address,
          fc.nat(),
          async (list, parts, more, patch, from, keep) => {
            const token = honestToken(lab, patch);
            // Fewer networks in a list that is not empty, or a first list; more conditions.
            const fewer =
              list.length === 0
                ? ['203.0.113.7/32']
                : list.filter((_, index) => index !== keep % list.length || list.length === 1);
            const wide = await isGranted([list, parts], token, from);
            const narrow = await isGranted([fewer, [...new Set([...parts, ...more])]], token, from);
            if (wide) grants += 1;
            expect(narrow && !wide, 'a narrower trust granted what the wider one refused').to.equal(false);
          },
        ),
        { numRuns: 150 },
      );
      expect(grants).to.be.greaterThan(10);
    });

    it('property: a scope never adds a role', async () => {
      const { scene, gateway, lab, providerId } = target;
      const all = ['basic-user', 'read-only-admin', 'system-log-reader'];
      const id = await scene.principal(all);
      await fc.assert(
        fc.asyncProperty(fc.subarray(all), fc.subarray(all), async (scope, held) => {
          await scene.setRoles(id, all);
          const trust = await scene.trust(id, providerId, { scopedRoleIds: scope });
          await scene.setRoles(id, held);
          const answer = await gateway.token(exchangeForm(trust, honestToken(lab)));
          const expected = scope.length === 0 ? held : held.filter((role) => scope.includes(role));
          if (expected.length === 0 && scope.length > 0) {
            expect(answer.body['reason']).to.equal('no_effective_roles');
          } else {
            const [, payload = ''] = String(answer.body['access_token']).split('.');
            expect(JSON.parse(Buffer.from(payload, 'base64url').toString()).roles).to.have.members(expected);
          }
          await scene.admin('DELETE', `/api/v1/service_principals/${id}/trusts/${trust}`);
        }),
        { numRuns: 60 },
      );
    });
  });
});
