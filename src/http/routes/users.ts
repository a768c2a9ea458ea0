import { z } from 'zod';
import type { Actor } from '../../access/model.ts';
import type { Person } from '../../directory/model.ts';
import type { People } from '../../directory/people.ts';
import type { Entry } from '../../journal/snapshot.ts';
import type { Page } from '../../kernel/page.ts';
import { type Route, route } from '../route.ts';
import { newUser, personToWire, toUserView, userUpdate, userView } from '../schemas/users.ts';
import { pageQuery, present, readPage, toList } from '../schemas/wire-forms.ts';

const base = '/api/v1/users';

/** People (contract §5.2, §5.3). */
export function userRoutes(deps: { readonly people: People }): readonly Route[] {
  const { people } = deps;
  const view = (actor: Actor, { value }: Entry<Person>) =>
    toUserView(personToWire(value), people.objectPermissions(actor));

  return [
    route({
      method: 'post',
      path: base,
      summary: 'Creates a person.',
      body: newUser,
      response: userView,
      handle: async ({ actor, body }) => view(actor, await people.create(actor, body)),
    }),
    route({
      method: 'get',
      path: base,
      summary: 'Lists people.',
      query: pageQuery,
      response: z.object({
        list: z.array(z.unknown()),
        expanded: z.array(z.unknown()),
        nextPageToken: z.string(),
      }),
      handle: ({ actor, query }) => {
        const page: Page<Entry<Person>> = people.list(actor, readPage(query, base));
        const { list, nextPageToken } = toList(page, base, (entry) => {
          const { expanded: _, ...row } = userView.parse(view(actor, entry));
          return row.userView;
        });
        return { list, expanded: [], nextPageToken };
      },
    }),
    route({
      method: 'get',
      path: `${base}/:id`,
      summary: 'Reads a person.',
      response: userView,
      handle: ({ actor, params }) => view(actor, people.get(actor, params['id'] ?? '')),
    }),
    route({
      method: 'patch',
      path: `${base}/:id`,
      summary: 'Changes a person’s name, e-mail, roles or status.',
      body: userUpdate,
      response: userView,
      handle: async ({ actor, params, body }) => {
        const { displayName, email, status, roleIds } = body.user;
        const mask = body.updateMask.map((path) => path.replace(/^user\./, ''));
        const changes = { displayName, email, status, roleIds };
        return view(
          actor,
          await people.update(actor, params['id'] ?? '', { changes: present(changes), mask }),
        );
      },
    }),
  ];
}
