import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import fc from 'fast-check';
import { createClientIp } from '../../src/http/client-ip.ts';
import { compileSources } from '../../src/policy/source-ip.ts';
import { honestToken, openTarget, type Target } from '../attacks/target.ts';
import { formRequest, startTestGateway } from '../gateway.ts';
import { exchangeForm } from '../scene.ts';

const runs = { numRuns: 1_000 };
const proxies = ['10.0.0.0/8', '2001:db8:ffff::/48'];

const clientIp = (() => {
  const compiled = compileSources(proxies);
  if (!compiled.ok) throw new Error('proxies');
  return createClientIp(compiled.sources);
})();

const requestOf = (peer: string | undefined, forwarded?: string) =>
  ({
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    socket: { remoteAddress: peer },
  }) as unknown as Pick<IncomingMessage, 'headers' | 'socket'>;

const octet = fc.nat(255);
const ipv4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const trusted = fc.tuple(octet, octet, octet).map((parts) => `10.${parts.join('.')}`);
const untrusted = ipv4.filter((address) => !address.startsWith('10.'));
const junk = fc.string({ maxLength: 30 }).filter((text) => !text.includes(','));
const hop = fc.oneof(trusted, untrusted, junk);

/** The rule of contract §7.6 said differently: drop trusted hops from the right; the next one counts, if it is an address. */
function reference(peer: string, hops: readonly string[]): string {
  const isTrusted = (text: string): boolean => /^10\.\d+\.\d+\.\d+$/.test(text) && isAddress(text);
  const isAddress = (text: string): boolean =>
    /^(?:(?:0|[1-9]\d*)\.){3}(?:0|[1-9]\d*)$/.test(text) &&
    text.split('.').every((part) => Number(part) <= 255);
  const chain = [...hops.map((text) => text.trim()), peer];
  const firstBad = chain.findLastIndex((text) => !isTrusted(text));
  if (firstBad === -1) return chain[0] ?? peer;
  const suspect = chain[firstBad] ?? '';
  return isAddress(suspect) ? suspect : (chain[firstBad + 1] ?? peer);
}

describe('http/client-ip', () => {
  it('knows nobody when the peer has no address', () => {
    expect(clientIp(requestOf(undefined, '203.0.113.7'))).to.equal(undefined);
  });

  it('writes a mapped peer as IPv4, and walks IPv6 proxies', () => {
    expect(clientIp(requestOf('::ffff:203.0.113.7'))).to.equal('203.0.113.7');
    expect(clientIp(requestOf('2001:db8:ffff::1', '2001:DB8::0:7'))).to.equal('2001:db8::7');
  });

  it('property: agrees with a reference on chains of every kind', () => {
    fc.assert(
      fc.property(fc.oneof(trusted, untrusted), fc.array(hop, { maxLength: 6 }), (peer, hops) => {
        const forwarded = hops.length === 0 ? undefined : hops.join(',');
        expect(clientIp(requestOf(peer, forwarded))).to.equal(reference(peer, hops));
      }),
      runs,
    );
  });

  it('property: nothing written before an untrusted hop changes the result', () => {
    const written = fc.oneof(
      junk,
      ipv4,
      fc.array(hop).map((hops) => hops.join(',')),
    );
    fc.assert(
      fc.property(
        written,
        untrusted,
        fc.array(trusted, { maxLength: 4 }),
        trusted,
        (junkText, client, hops, peer) => {
          const honest = [client, ...hops].join(', ');
          expect(clientIp(requestOf(peer, `${junkText}, ${honest}`))).to.equal(client);
          expect(clientIp(requestOf(peer, honest))).to.equal(client);
        },
      ),
      runs,
    );
  });

  it('property: an untrusted peer is itself, whatever it writes', () => {
    fc.assert(
      fc.property(untrusted, fc.oneof(junk, ipv4), (peer, forwarded) => {
        expect(clientIp(requestOf(peer, forwarded))).to.equal(peer);
      }),
      runs,
    );
  });

  describe('at the token endpoint', () => {
    let target: Target;
    before(async () => {
      const trustedProxies = ['127.0.0.1/32', ...proxies];
      target = await openTarget(await startTestGateway({ settings: { trustedProxies } }));
    });
    after(() => target.gateway.close());

    const exchange = async (allowSourceCidrs: readonly string[], forwarded: readonly string[]) => {
      const { scene, principalId, providerId, lab, gateway } = target;
      const trust = await scene.trust(principalId, providerId, { allowSourceCidrs });
      const headers = forwarded.map((value) => ['X-Forwarded-For', value] as const);
      return gateway.send(formRequest(exchangeForm(trust, honestToken(lab)), headers));
    };

    const admitted: Readonly<
      Record<string, readonly [cidrs: readonly string[], forwarded: readonly string[]]>
    > = {
      'the client behind one proxy': [['203.0.113.0/24'], ['203.0.113.7']],
      'the client behind a chain of proxies': [
        ['203.0.113.0/24'],
        ['203.0.113.7, 10.9.9.9, 2001:db8:ffff::5'],
      ],
      'a chain in two headers': [['203.0.113.0/24'], ['203.0.113.7', '10.9.9.9']],
      'a mapped address against IPv4': [['203.0.113.0/24'], ['::ffff:203.0.113.7']],
      'an IPv4 address against a mapped network': [['::ffff:203.0.113.0/120'], ['203.0.113.7']],
      'an IPv6 address in another spelling': [['2001:db8:1::7'], ['2001:0DB8:1:0::7']],
      'a bare address as a list': [['203.0.113.7'], ['203.0.113.7']],
      'anybody, when the list is empty (N3)': [[], ['198.51.100.1']],
    };
    for (const [name, [cidrs, forwarded]] of Object.entries(admitted)) {
      it(`lets in ${name}`, async () => {
        const answer = await exchange(cidrs, forwarded);
        expect(answer.status, answer.text).to.equal(200);
      });
    }

    const unsaved = [
      '203.0.113.7/24',
      '::ffff:203.0.113.0/90',
      'fe80::1%eth0',
      '0177.0.0.1',
      '203.0.113.0/33',
      'everywhere',
      '',
    ];
    for (const cidr of unsaved) {
      it(`saves no list with ${JSON.stringify(cidr)} (N2)`, async () => {
        const { scene, principalId, providerId } = target;
        const answer = await scene.admin('POST', `/api/v1/service_principals/${principalId}/trusts`, {
          displayName: 'x',
          providerId,
          conditionExpression: 'claims.sub == "x"',
          allowSourceCidrs: [cidr],
        });
        expect(answer.status, answer.text).to.equal(400);
        expect(answer.body['code']).to.equal(3);
      });
    }

    it('denies everybody while a stored list cannot be read (N3)', async () => {
      const { scene, principalId, providerId, lab, gateway } = target;
      const trust = await scene.trust(principalId, providerId, { allowSourceCidrs: ['203.0.113.0/24'] });
      const { records } = await gateway.store.records.changedSince(0);
      const stored = records.findLast(
        ({ kind, body }) => kind === 'trust' && trust.startsWith(`${body?.['cutename']}@`),
      );
      if (stored?.body === undefined) throw new Error('the trust is not stored');
      await gateway.store.journal.commitManagement({
        claims: [],
        changes: [
          {
            op: 'update',
            kind: 'trust',
            id: stored.id,
            expect: stored.version,
            body: { ...stored.body, allowSourceCidrs: ['not a network'] },
          },
        ],
        seal: () => [],
      });
      await gateway.scheduler.advance(2_000);
      const headers = [['X-Forwarded-For', '203.0.113.7']] as const;
      const answer = await gateway.token(exchangeForm(trust, honestToken(lab)), headers);
      expect(answer.status).to.equal(400);
      const [record] = await gateway.auditOf(answer);
      expect(record?.['status_detail']).to.equal('ip_not_allowed');
    });
  });
});
