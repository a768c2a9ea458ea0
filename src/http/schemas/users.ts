import { z } from 'zod';
import type { ObjectPermissions } from '../../access/access.ts';
import type { Person } from '../../directory/model.ts';
import type { ServicePrincipal } from '../../principals/model.ts';
import {
  ignored,
  objectPermissions,
  text,
  textList,
  timestamp,
  toTimestamp,
  updateMask,
} from './wire-forms.ts';

/** People and service principals are both users on the wire (contract §5.2). */

export const user = z.object({
  id: z.string(),
  displayName: z.string(),
  username: z.string(),
  email: z.string(),
  emails: z.array(z.string()),
  status: z.enum(['ENABLED', 'DISABLED']),
  type: z.enum(['USER_TYPE_HUMAN', 'USER_TYPE_SERVICE']),
  origin: z.enum(['USER_ORIGIN_DIRECTORY', 'USER_ORIGIN_LOCAL']),
  roleIds: z.array(z.string()),
  directoryIds: z.array(z.string()),
  createdAt: timestamp,
  updatedAt: timestamp,
});

export const userView = z.object({
  userView: z.object({ user, userId: z.string(), objectPermissions }),
  expanded: z.array(z.unknown()),
});

export const status = z.enum(['ENABLED', 'DISABLED'], 'must be ENABLED or DISABLED');

export const newUser = z.strictObject({
  displayName: text,
  email: text.optional(),
  roleIds: textList.optional(),
});

export const userUpdate = z.strictObject({
  user: z
    .strictObject({
      displayName: text.optional(),
      email: text.optional(),
      status: status.optional(),
      roleIds: textList.optional(),
      id: ignored,
      username: ignored,
      emails: ignored,
      type: ignored,
      origin: ignored,
      directoryIds: ignored,
      createdAt: ignored,
      updatedAt: ignored,
    })
    .default({}),
  updateMask,
});

export function personToWire(person: Person): z.input<typeof user> {
  return {
    id: person.id,
    displayName: person.displayName,
    username: person.email,
    email: person.email,
    emails: person.email === '' ? [] : [person.email],
    status: person.status,
    type: 'USER_TYPE_HUMAN',
    origin: 'USER_ORIGIN_DIRECTORY',
    roleIds: [...person.roleIds],
    directoryIds: [],
    createdAt: toTimestamp(person.createdAtMs),
    updatedAt: toTimestamp(person.updatedAtMs),
  };
}

/** @param isMetadata The ordinary user's view: what it hides is blank, not absent (contract §7.4). */
export function principalToUser(principal: ServicePrincipal, isMetadata: boolean): z.input<typeof user> {
  return {
    id: principal.id,
    displayName: principal.displayName,
    username: isMetadata ? '' : principal.displayName,
    email: '',
    emails: [],
    status: principal.status,
    type: 'USER_TYPE_SERVICE',
    origin: 'USER_ORIGIN_LOCAL',
    roleIds: isMetadata ? [] : [...principal.roleIds],
    directoryIds: [],
    createdAt: toTimestamp(principal.createdAtMs),
    updatedAt: toTimestamp(principal.updatedAtMs),
  };
}

export function toUserView(
  wire: z.input<typeof user>,
  permissions: ObjectPermissions,
): z.input<typeof userView> {
  return {
    userView: {
      user: wire,
      userId: wire.id,
      objectPermissions: { ...permissions, extra: { ...permissions.extra } },
    },
    expanded: [],
  };
}
