import type { Activity, AuditEvent } from './model.ts';

const activityIds: Readonly<Record<Activity, number>> = {
  create: 1,
  read: 2,
  update: 3,
  delete: 4,
  other: 99,
};
const activityNames: Readonly<Record<Activity, string>> = {
  create: 'Create',
  read: 'Read',
  update: 'Update',
  delete: 'Delete',
  other: 'Other',
};
const severityIds = { informational: 1, medium: 3, high: 4 } as const;
const product = { name: 'Postern', vendor_name: 'Postern' } as const;

/**
 * The event as OCSF 1.3.0 JSON text (contract §7.10): class 3002 Authentication or 6003 API Activity.
 * @param uid `metadata.uid`, the event's place in its chain.
 */
export function toOcsf(event: AuditEvent, uid: string, timeMs: number): string {
  const isToken = event.kind === 'token';
  const classUid = isToken ? 3002 : 6003;
  const activityId = isToken ? 99 : activityIds[event.activity];
  const succeeded = event.outcome === 'success';
  // Members that are `undefined` are left out by JSON.stringify.
  return JSON.stringify({
    class_uid: classUid,
    category_uid: isToken ? 3 : 6,
    activity_id: activityId,
    activity_name: isToken ? event.operation : activityNames[event.activity],
    type_uid: classUid * 100 + activityId,
    severity_id: severityIds[event.severity ?? 'informational'],
    status_id: succeeded ? 1 : 2,
    status: succeeded ? 'Success' : 'Failure',
    status_detail: event.reason,
    time: timeMs,
    metadata: { version: '1.3.0', uid, product, correlation_uid: event.requestId },
    src_endpoint: event.sourceIp === undefined ? undefined : { ip: event.sourceIp },
    user: isToken ? event.user : undefined,
    actor: isToken ? undefined : { user: event.user },
    api: isToken ? undefined : { operation: event.operation },
    auth_protocol: isToken ? 'OAUTH 2.0' : undefined,
    unmapped: event.data,
  });
}
