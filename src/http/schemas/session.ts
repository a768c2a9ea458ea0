import { z } from 'zod';
import { formatClientId } from '../../kernel/ids.ts';
import type { PersonalClient } from '../../session/model.ts';
import { duration, text, textList, timestamp, toTimestamp } from './wire-forms.ts';

/** Personal clients and the bootstrap (contract §5.3). */

export const personalClient = z.object({
  id: z.string(),
  userId: z.string(),
  clientId: z.string(),
  displayName: z.string(),
  allowSourceCidr: z.array(z.string()),
  scopedRoles: z.array(z.string()),
  expiresTime: timestamp,
  createdAt: timestamp,
  updatedAt: timestamp,
});

export const newPersonalClient = z.strictObject({
  /** Whose it will be; absent = the caller's own. Another person's needs `users.manage`. */
  userId: text.optional(),
  displayName: text,
  expires: duration.optional(),
  scopedRoles: textList.optional(),
  allowSourceCidr: textList.optional(),
});

export const issuedPersonalClient = z.object({ client: personalClient, clientSecret: z.string() });

export const bootstrap = z.strictObject({ secret: text, displayName: text });

export const introspection = z.object({
  principleId: z.string(),
  userId: z.string(),
  tenantId: z.string(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  features: z.array(z.string()),
  deviceClientId: z.string(),
  disabledModules: z.array(z.string()),
});

export function personalClientToWire(
  value: PersonalClient,
  publicHost: string,
): z.input<typeof personalClient> {
  return {
    id: value.cutename,
    userId: value.personId,
    clientId: formatClientId(value.cutename, publicHost, 'pcc'),
    displayName: value.displayName,
    allowSourceCidr: [...value.allowSourceCidrs],
    scopedRoles: [...value.scopedRoleIds],
    expiresTime: toTimestamp(value.expiresAtMs),
    createdAt: toTimestamp(value.createdAtMs),
    updatedAt: toTimestamp(value.updatedAtMs),
  };
}
