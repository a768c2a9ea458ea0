import { createHash, timingSafeEqual } from 'node:crypto';
import type { Actor } from '../access/model.ts';
import { superAdminRoleId } from '../access/roles.ts';
import type { Person } from '../directory/model.ts';
import type { PeopleSnapshot } from '../directory/snapshot.ts';
import { checkDisplayName } from '../directory/texts.ts';
import type { Journal } from '../journal/journal.ts';
import { insertion, managementEvent } from '../journal/management.ts';
import type { Claim } from '../journal/model.ts';
import type { Entry } from '../journal/snapshot.ts';
import { GatewayError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Clock, RandomBytes } from '../kernel/ports.ts';
import type { Secret } from '../kernel/secret.ts';
import { createClientSecret } from '../principals/client-secret.ts';
import { expiryOf } from '../principals/restrictions.ts';
import { type CreatedClient, insertClient, newClient } from './personal-clients.ts';

/** The one moment without an actor: a store without people gets its first super admin (contract §5.3). */
export interface Bootstrap {
  /** Whether it is still to be done: no person exists. */
  isOpen(): boolean;
  /** Throws `bootstrap_refused` for a wrong secret, and for any secret once it was done. */
  perform(
    input: { readonly secret: string; readonly displayName: string },
    request: Pick<Actor, 'requestId' | 'sourceIp'>,
  ): Promise<CreatedClient & { readonly person: Entry<Person> }>;
}

/** Inserted once for ever; no claim is updated, and this one is not purged before the last date there is. */
const doneClaim: Claim = { id: 'bootstrap:done', expiresAtMs: 8.64e15 };

export function createBootstrap(deps: {
  /** Absent: bootstrap is not possible. */
  readonly secret: Secret | undefined;
  readonly people: PeopleSnapshot;
  readonly journal: Pick<Journal, 'commit'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: RandomBytes;
  /** Second part of the client's secret. */
  readonly secretLabel: string;
}): Bootstrap {
  const { secret, people, journal, clock, ids, random, secretLabel } = deps;
  const isOpen = (): boolean => people.size === 0;

  const perform: Bootstrap['perform'] = async (input, request) => {
    const isRight = secret !== undefined && isEqual(input.secret, secret.reveal());
    if (!isRight) throw new GatewayError('bootstrap_refused', { detail: 'wrong secret' });
    if (!isOpen()) throw new GatewayError('bootstrap_refused', { detail: 'done before' });
    checkDisplayName(input.displayName);
    const now = clock.nowMs();
    const person = firstPerson(ids, input.displayName, now);
    const { secret: clientSecret, publicKey } = createClientSecret(random, secretLabel);
    const client = newClient(person, ids.cutename(), {
      displayName: 'bootstrap',
      publicKey,
      expiresAtMs: expiryOf(now, undefined),
      scopedRoleIds: [],
      allowSourceCidrs: [],
      createdAtMs: now,
    });
    const actor: Actor = { kind: 'person', ...person, clientId: 'bootstrap', ...request };
    const outcome = await journal.commit({
      claims: [doneClaim],
      changes: [insertion('person', person.id, person), insertClient(client)],
      events: [
        managementEvent(actor, {
          operation: 'BootstrapService/Bootstrap',
          activity: 'create',
          data: { user_id: person.id, personal_client_id: client.cutename, role_ids: person.roleIds },
        }),
      ],
    });
    if (outcome.state === 'lost') throw new GatewayError('bootstrap_refused', { detail: 'done before' });
    return {
      person: { id: person.id, version: 1, value: person },
      client: { id: client.cutename, version: 1, value: client },
      clientSecret,
    };
  };

  return { isOpen, perform };
}

function firstPerson(ids: Ids, displayName: string, nowMs: number): Person {
  return {
    id: ids.user(),
    displayName,
    email: '',
    status: 'ENABLED',
    roleIds: [superAdminRoleId],
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}

/** In constant time; digests, so that not even the length shows. */
function isEqual(presented: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(presented), digest(expected));
}
