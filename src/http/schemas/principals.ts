import { z } from 'zod';
import type { ObjectPermissions } from '../../access/access.ts';
import { formatClientId } from '../../kernel/ids.ts';
import type { Credential, ServicePrincipal } from '../../principals/model.ts';
import { principalToUser, status, user } from './users.ts';
import {
  duration,
  ignored,
  objectPermissions,
  text,
  textList,
  timestamp,
  toTimestamp,
  updateMask,
} from './wire-forms.ts';

/** Service principals and their credentials (contract §4.2, §4.3). */

export const principal = z.object({
  id: z.string(),
  displayName: z.string(),
  createdAt: timestamp,
  updatedAt: timestamp,
  objectPermissions,
  user,
});

export const newPrincipal = z.strictObject({ displayName: text });

export const principalUpdate = z.strictObject({
  servicePrincipal: z
    .strictObject({
      displayName: text.optional(),
      user: z
        .looseObject({ status: status.optional(), roleIds: textList.optional() }, 'must be an object')
        .optional(),
      id: ignored,
      createdAt: ignored,
      updatedAt: ignored,
      objectPermissions: ignored,
    })
    .default({}),
  updateMask,
});

export function principalToWire(
  value: ServicePrincipal,
  permissions: ObjectPermissions,
  isMetadata: boolean,
): z.input<typeof principal> {
  return {
    id: value.id,
    displayName: value.displayName,
    createdAt: toTimestamp(value.createdAtMs),
    updatedAt: toTimestamp(value.updatedAtMs),
    objectPermissions: { ...permissions, extra: { ...permissions.extra } },
    user: principalToUser(value, isMetadata),
  };
}

export const credential = z.object({
  id: z.string(),
  clientId: z.string(),
  servicePrincipalId: z.string(),
  displayName: z.string(),
  expiresAt: timestamp,
  scopedRoleIds: z.array(z.string()),
  allowSourceCidrs: z.array(z.string()),
  requireDpop: z.boolean(),
  createdAt: timestamp,
  updatedAt: timestamp,
});

/** The contract calls one member `scopedRoles` on the way in and `scopedRoleIds` on the way out; both come in. */
export const newCredential = z.strictObject({
  displayName: text,
  expires: duration.optional(),
  scopedRoles: textList.optional(),
  scopedRoleIds: textList.optional(),
  allowSourceCidrs: textList.optional(),
  requireDpop: z.boolean('must be true or false').optional(),
});

export const credentialUpdate = z.strictObject({
  credential: z
    .strictObject({
      displayName: text.optional(),
      scopedRoles: textList.optional(),
      scopedRoleIds: textList.optional(),
      allowSourceCidrs: textList.optional(),
      requireDpop: z.boolean('must be true or false').optional(),
      id: ignored,
      clientId: ignored,
      servicePrincipalId: ignored,
      expires: ignored,
      expiresAt: ignored,
      createdAt: ignored,
      updatedAt: ignored,
      lastUsedAt: ignored,
    })
    .default({}),
  updateMask,
});

export function credentialToWire(value: Credential, publicHost: string): z.input<typeof credential> {
  return {
    id: value.cutename,
    clientId: formatClientId(value.cutename, publicHost, 'spc'),
    servicePrincipalId: value.principalId,
    displayName: value.displayName,
    expiresAt: toTimestamp(value.expiresAtMs),
    scopedRoleIds: [...value.scopedRoleIds],
    allowSourceCidrs: [...value.allowSourceCidrs],
    requireDpop: false,
    createdAt: toTimestamp(value.createdAtMs),
    updatedAt: toTimestamp(value.updatedAtMs),
  };
}
