import { expect } from 'chai';
import { splitUrl } from '../../src/policy/url.ts';

const parts = (path: string, more: object = {}) => ({
  scheme: 'spiffe',
  host: 'td',
  port: '',
  path,
  query: '',
  fragment: '',
  ...more,
});

const accepted: readonly (readonly [text: string, url: object])[] = [
  ['spiffe://td', parts('')],
  ['spiffe://td/', parts('/')],
  ['spiffe://td/ns/prod/sa/deployer', parts('/ns/prod/sa/deployer')],
  ['spiffe://TD/Ns', parts('/Ns', { host: 'TD' })],
  ['spiffe://td/a?b=c#d', parts('/a', { query: 'b=c', fragment: 'd' })],
  ['spiffe://td?b', parts('', { query: 'b' })],
  ['spiffe://td#a?b', parts('', { fragment: 'a?b' })],
  ['spiffe://td/a#b#c', parts('/a', { fragment: 'b#c' })],
  ['spiffe://td/a..b/...', parts('/a..b/...')],
  ['spiffe://td/a/', parts('/a/')],
  ['spiffe://td/a?..//.', parts('/a', { query: '..//.' })],
  ['spiffe://td:8443/a', parts('/a', { port: '8443' })],
  ['spiffe://td:/a', parts('/a')],
  ['spiffe://td:x/a', parts('/a', { host: 'td:x' })],
  ['spiffe://[::1]:8443/a', parts('/a', { host: '[::1]', port: '8443' })],
  ['spiffe://[::1]/a', parts('/a', { host: '[::1]' })],
  ['spiffe:///a', parts('/a', { host: '' })],
  ['X+1.-://h', parts('', { scheme: 'X+1.-', host: 'h' })],
];

const refused: readonly (readonly [cause: string, text: string])[] = [
  ['not_a_url', ''],
  ['not_a_url', 'repo:acme/infra:ref'],
  ['not_a_url', '//td/a'],
  ['not_a_url', '://td'],
  ['not_a_url', '1a://td'],
  ['not_a_url', 's_p://td'],
  ['not_a_url', 'spiffe:/td'],
  ['not_a_url', 'spiffe://td/a b'],
  ['not_a_url', ' spiffe://td'],
  ['not_a_url', 'spiffe://td\n'],
  ['not_a_url', 'spiffe://td/\u0000'],
  ['not_a_url', 'spiffe://td/\u001f'],
  ['not_a_url', 'spiffe://td/\u00a0'],
  ['not_a_url', 'spiffe://td/ns/prod/%2e%2e/x'],
  ['not_a_url', 'spiffe://td/%41'],
  ['not_a_url', 'spiffe://td\\ns'],
  ['not_a_url', 'spiffe://td/a\\..\\b'],
  ['not_a_url', 'spiffe://u:p@td/x'],
  ['not_a_url', 'spiffe://td@evil/x'],
  ['unsafe_path', 'spiffe://td/a//b'],
  ['unsafe_path', 'spiffe://td//'],
  ['unsafe_path', 'spiffe://td/ns/dev/../prod/sa/x'],
  ['unsafe_path', 'spiffe://td/..'],
  ['unsafe_path', 'spiffe://td/.'],
  ['unsafe_path', 'spiffe://td/a/./b'],
  ['input_too_long', `spiffe://td/${'a'.repeat(2_037)}`],
];

describe('splitUrl', () => {
  for (const [text, url] of accepted) {
    it(`splits ${text}`, () => expect(splitUrl(text)).to.deep.equal({ ok: true, url }));
  }
  for (const [cause, text] of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 50))} as ${cause}`, () => {
      expect(splitUrl(text)).to.deep.equal({ ok: false, cause });
    });
  }
  it('accepts 2,048 characters', () => {
    expect(splitUrl(`spiffe://td/${'a'.repeat(2_036)}`).ok).to.equal(true);
  });
});
