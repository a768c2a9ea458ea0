import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { makeIssuers } from '../bench/tokens.ts';
import { parseCheckpointBody } from '../src/journal/checkpoint-body.ts';
import type { Head } from '../src/journal/model.ts';
import { readAuditFile, verifyByCommand } from './audit-file.ts';
import { jtiOf } from './load.ts';
import { makePlace, type Place, publicHost, type RunningPostern, startPostern, statusOf } from './postern.ts';
import { becomeAdmin, exchangeForm, makeTrust } from './seed.ts';

/** Not ready → grace → stop accepting → finish what runs → last checkpoint → exit 0. */

/** Well below the drain time: a finished connection that stays open must not hold the process. */
const endsWithinMs = 2_000;

describe('SIGTERM', () => {
  let place: Place;
  let gateway: RunningPostern;
  let body: string;
  let slow: Socket;
  let answer = '';

  before(async () => {
    place = await makePlace({ shutdown: { grace: '700ms', drain: '10s' } });
    gateway = await startPostern(place);
    const [issuer] = makeIssuers(1, publicHost);
    if (issuer === undefined) throw new Error('no issuer');
    const { algorithm, ...rest } = issuer;
    const admin = await becomeAdmin(gateway.origin);
    const clientId = await makeTrust(
      admin,
      { ...rest, algorithms: [algorithm] },
      'claims.ref_type == "branch"',
    );
    body = new URLSearchParams(exchangeForm(clientId, issuer.tokens[0] ?? '')).toString();
    slow = await sendHalf();
    gateway.child.kill('SIGTERM');
  });
  after(async () => {
    slow?.destroy();
    await gateway?.stop('SIGKILL');
    await place?.remove();
  });

  const sendHalf = async (): Promise<Socket> => {
    const socket = connect(Number(new URL(gateway.origin).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    const type = 'Content-Type: application/x-www-form-urlencoded';
    const head = `POST /auth/v1/token HTTP/1.1\r\nHost: ${publicHost}\r\n${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.write(head + body.slice(0, 100));
    return socket;
  };

  it('reports at once that it is not ready, and still serves', async () => {
    expect(
      await until(
        () => statusOf(`${gateway.origin}/readyz`),
        (status) => status !== 200,
      ),
    ).to.equal(503);
    const response = await fetch(`${gateway.origin}/auth/v1/token`, {
      method: 'POST',
      body: new URLSearchParams(body),
    });
    expect(response.status).to.equal(200);
    await response.arrayBuffer();
  });

  it('takes no new connection after the grace', async () => {
    const status = await until(
      () => statusOf(`${gateway.origin}/livez`),
      (found) => found === undefined,
    );
    expect(status).to.equal(undefined);
  });

  it('finishes the request that is under way, then ends with 0', async () => {
    expect(answer).to.equal('');
    slow.write(body.slice(100));
    const finishedAt = performance.now();
    expect(await gateway.ended, gateway.output()).to.equal(0);
    expect(performance.now() - finishedAt).to.be.below(endsWithinMs);
    expect(answer).to.match(/^HTTP\/1\.1 200 /);
  });

  it('leaves a checkpoint over every chain of its start, and a file that verifies', async () => {
    const { events, issued, newestCheckpoint } = await readAuditFile(place.storeFile);
    const token = /"access_token":"([^"]+)"/.exec(answer)?.[1] ?? '';
    expect(issued.has(jtiOf(token))).to.equal(true);
    const heads = parseCheckpointBody(newestCheckpoint?.body ?? '')?.heads ?? [];
    const written = newestByChain(events);
    expect(written.size).to.equal(2);
    expect(newestByChain(heads)).to.deep.equal(written);
    const { status, text } = await verifyByCommand(place.storeFile);
    expect(status, text).to.equal(0);
  });
});

/** Records and heads of one chain come in order. */
const newestByChain = (heads: readonly Head[]): Map<string, Head> =>
  new Map(heads.map(({ chain, number, hash }) => [chain, { chain, number, hash }]));

/** Asks until the answer is accepted, five seconds at most. */
async function until<T>(ask: () => Promise<T>, accept: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 5_000;
  let value = await ask();
  while (!accept(value) && performance.now() < deadline) value = await ask();
  return value;
}
