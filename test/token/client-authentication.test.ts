import { performance } from 'node:perf_hooks';
import { expect } from 'chai';
import { GatewayError } from '../../src/kernel/errors.ts';
import type { RequestId, UserId } from '../../src/kernel/ids.ts';
import { createClientSecret } from '../../src/principals/client-secret.ts';
import { readClientProof } from '../../src/token/client-authentication.ts';
import { createClientCredentials } from '../../src/token/client-credentials.ts';
import type { TokenRequest } from '../../src/token/model.ts';
import type { TokenSettings, TokenState } from '../../src/token/ports.ts';
import { assertionForm, assertionOf, basic } from '../attacks/target.ts';
import { createFakeClock, seededRandom } from '../fakes.ts';
import { testSettings } from '../gateway.ts';
import { clientOf } from '../scene.ts';

const requestOf = (form: Readonly<Record<string, string>>, authorization?: string): TokenRequest => ({
  form: new Map(Object.entries(form)),
  authorization,
  sourceIp: '127.0.0.1',
  requestId: '0'.repeat(32) as RequestId,
});

describe('token/client-authentication', () => {
  const id = 'calm-fox-00001@gateway.example/spc';
  const encoded = encodeURIComponent(id);
  const basicCases: Readonly<
    Record<string, readonly [id: string, secret: string, expected: [string, string]]>
  > = {
    'raw parts': [id, 'secret-token:a:v1:b', [id, 'secret-token:a:v1:b']],
    'encoded parts': [encoded, 'secret-token%3Aa%3Av1%3Ab', [id, 'secret-token:a:v1:b']],
    'a raw id and an encoded secret': [id, 'secret%3Atoken', [id, 'secret:token']],
    'a raw id with a port': ['calm-fox-1@h:8443/pcc', 'a:b', ['calm-fox-1@h:8443/pcc', 'a:b']],
    'plus as a space': [encoded, 'a+b', [id, 'a b']],
    'a foreign id': ['someone', 'a:b', ['someone', 'a:b']],
  };
  for (const [name, [clientId, secret, [expectedId, expectedSecret]]] of Object.entries(basicCases)) {
    it(`reads Basic with ${name}`, () => {
      const proof = readClientProof(requestOf({}, basic(clientId, secret)[1]));
      expect(proof).to.deep.equal({ method: 'secret', clientId: expectedId, secret: expectedSecret });
    });
  }

  const malformedHeaders = [
    'Basic',
    'Basic ',
    'Basic Zm9v',
    'Basic 4pyT',
    'Basic a=b=',
    'Bearer x',
    ' Basic Zm86YmE=',
  ];
  for (const header of [...malformedHeaders, `Basic ${Buffer.from('a:%zz').toString('base64')}`]) {
    it(`refuses Authorization: ${header}`, () => {
      expect(() => readClientProof(requestOf({}, header))).to.throw(GatewayError, 'invalid_request');
    });
  }
});

/** T14: an answer that comes sooner would tell that nobody has the id. */
describe('token/client-credentials, the work for an unknown client', () => {
  const clock = createFakeClock();
  const made = createClientSecret(seededRandom(3), 'conductorone.com');
  const known = clientOf('calm-fox-00001@gateway.example/spc', made.secret.reveal());
  const everywhere = { allows: () => true };
  const principalId = 'p' as UserId;
  const credential = {
    record: {
      publicKey: made.publicKey,
      principalId,
      scopedRoleIds: [],
      expiresAtMs: Number.POSITIVE_INFINITY,
      revokedAtMs: undefined,
    },
    sources: everywhere,
  };
  const state = {
    credential: (cutename: string) => (cutename === 'calm-fox-00001' ? credential : undefined),
    principal: () => ({ id: principalId, displayName: 'x', status: 'ENABLED', roleIds: [] }),
    personalClient: () => undefined,
  } as unknown as TokenState;
  const { publicUrl, audiences } = testSettings();
  const settings = {
    issuer: publicUrl,
    tokenEndpoint: `${publicUrl}/auth/v1/token`,
    audiences,
    clientIdHosts: new Set(['gateway.example']),
    credentialsTtlSeconds: 3600,
  } as unknown as TokenSettings;
  const grant = createClientCredentials({ settings, state, clock });

  /** Fastest of several runs: the work itself, not that of a busy machine. */
  const bestMs = (request: TokenRequest): number => {
    const run = (): number => {
      const startMs = performance.now();
      for (let index = 0; index < 100; index += 1) void grant.decide(request);
      return performance.now() - startMs;
    };
    return Math.min(...Array.from({ length: 7 }, run));
  };
  const unknown = { ...known, clientId: 'calm-fox-00002@gateway.example/spc' };
  const gateway = { clock, settings: { audiences } } as unknown as Parameters<
    typeof assertionOf
  >[0]['gateway'];

  const methods: Readonly<Record<string, (client: typeof known) => Readonly<Record<string, string>>>> = {
    'a secret': ({ clientId, secret }) => ({ client_id: clientId, client_secret: secret }),
    'an assertion': (client) => assertionForm(client.clientId, assertionOf({ gateway }, client)),
  };
  for (const [name, formOf] of Object.entries(methods)) {
    it(`is not less than for a known one, with ${name}`, async () => {
      const [knownRequest, unknownRequest] = [known, unknown].map((client) => requestOf(formOf(client)));
      if (knownRequest === undefined || unknownRequest === undefined) throw new Error('two requests');
      expect(await grant.decide(knownRequest)).to.include({ allow: true });
      expect(await grant.decide(unknownRequest)).to.include({ allow: false, reason: 'credential_not_found' });
      const ratio = bestMs(unknownRequest) / bestMs(knownRequest);
      expect(ratio).to.be.within(0.5, 2);
    });
  }
});
