import type { Clock, RandomBytes } from './ports.ts';

/** Identifiers of the product, branded so that one kind is never passed for another. */

type Brand<Name extends string> = string & { readonly __brand: Name };

/** A person or a service principal: 27 base62 characters, time-ordered to the second (KSUID shape). */
export type UserId = Brand<'UserId'>;
export type ProviderId = Brand<'ProviderId'>;
/** `adjective-animal-12345`, the key of a credential, trust or personal client; unique across the three. */
export type Cutename = Brand<'Cutename'>;
/** 32 hex characters, the first 12 of them the millisecond: look-ups by request id can bound the time. */
export type RequestId = Brand<'RequestId'>;

export interface Ids {
  user(): UserId;
  provider(): ProviderId;
  cutename(): Cutename;
  request(): RequestId;
  /** 22 base64url characters: `jti`s, unit ids, whatever must only be unique. */
  opaque(): string;
}

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** KSUID's epoch, 2014-05-13T16:53:20Z, in seconds. */
const ksuidEpochSeconds = 1_400_000_000;

const adjectives =
  'able agile amber ample apt bold brave brief bright brisk calm candid clean clear clever cool coral crisp deft early easy fair fast fine firm fond frank free fresh gentle glad grand green happy hardy ideal jolly keen kind lively loyal lucid lucky mellow merry mild neat noble novel opal patient plain polite prime proud pure quick quiet ready regal rosy round royal rustic sage sharp silent silver sleek smart snug solid sound spry steady still stout strong subtle sunny sure swift tall tidy trim true trusty upbeat urban valid vast vivid warm wise witty zesty'.split(
    ' ',
  );
const animals =
  'adder alpaca ant badger bat bear beaver bee bison boar bobcat buck camel carp cat cobra cod colt condor crab crane crow deer dingo dodo dove duck eagle egret eland elk emu falcon ferret finch fox frog gecko gnu goat goose grouse gull hare hawk heron hippo hornet horse hound hyena ibex ibis impala jackal jaguar jay kite kiwi koala krill lark lemur lion lizard llama lynx macaw magpie marten mole moose moth mouse newt ocelot okapi orca osprey otter owl panda parrot perch pike pony puffin puma quail rabbit raven robin salmon seal shark sheep shrew skunk sloth snail sparrow squid stork swan tapir tiger toad trout tuna turtle viper vole walrus wasp weasel whale wolf wombat wren yak zebra'.split(
    ' ',
  );

export function createIds(deps: { clock: Clock; random: RandomBytes }): Ids {
  const { clock, random } = deps;

  const ksuid = (): string => {
    const bytes = Buffer.alloc(20);
    bytes.writeUInt32BE(Math.floor(clock.nowMs() / 1000) - ksuidEpochSeconds);
    random(16).copy(bytes, 4);
    let rest = BigInt(`0x${bytes.toString('hex')}`);
    let text = '';
    for (let index = 0; index < 27; index += 1) {
      text = `${base62[Number(rest % 62n)]}${text}`;
      rest /= 62n;
    }
    return text;
  };

  const below = (limit: number): number => random(4).readUInt32BE() % limit;

  return {
    user: () => ksuid() as UserId,
    provider: () => ksuid() as ProviderId,
    cutename: () =>
      `${adjectives[below(adjectives.length)]}-${animals[below(animals.length)]}-${String(below(100_000)).padStart(5, '0')}` as Cutename,
    request: () => (clock.nowMs().toString(16).padStart(12, '0') + random(10).toString('hex')) as RequestId,
    opaque: () => random(16).toString('base64url'),
  };
}

/** The millisecond at which a request id was made; `undefined` for text that is none. */
export function requestTimeMs(requestId: string): number | undefined {
  return /^[0-9a-f]{32}$/.test(requestId) ? Number.parseInt(requestId.slice(0, 12), 16) : undefined;
}

export type ClientIdSuffix = 'spc' | 'wfe' | 'pcc';

export interface ParsedClientId {
  readonly cutename: Cutename;
  /** Lower-cased `host[:port]` as written in the id. */
  readonly host: string;
  readonly suffix: ClientIdSuffix;
}

const clientIdShape = /^([a-z]+-[a-z]+(?:-\d{1,9})?)@([^/@\s]{1,255})\/(spc|wfe|pcc)$/;

/** Splits `<cutename>@<host>/<suffix>` (contract §7.2); `undefined` when the text has another shape. */
export function parseClientId(text: string): ParsedClientId | undefined {
  const match = clientIdShape.exec(text);
  if (match === null) return undefined;
  const [, cutename, host, suffix] = match;
  return {
    cutename: cutename as Cutename,
    host: (host as string).toLowerCase(),
    suffix: suffix as ClientIdSuffix,
  };
}

export function formatClientId(cutename: Cutename, publicHost: string, suffix: ClientIdSuffix): string {
  return `${cutename}@${publicHost}/${suffix}`;
}
