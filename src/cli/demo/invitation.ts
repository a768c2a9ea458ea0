import type { Terminal } from '../terminal.ts';
import type { Stage } from './cast.ts';

/** Lines to paste into another terminal: the same scenes, by hand. */
export function printInvitation(
  terminal: Terminal,
  props: {
    readonly baseUrl: string;
    readonly stage: Stage;
    readonly githubIssuer: string;
    readonly audience: string;
  },
): void {
  const { baseUrl, stage, githubIssuer, audience } = props;
  const job = JSON.stringify({
    audience,
    claims: { environment: 'production', ref: 'refs/heads/main' },
  });
  terminal.heading('Try it yourself: paste these lines into another terminal');
  terminal.dim('# a job gets its platform token …');
  terminal.line(`JOB=$(curl -s ${githubIssuer}/mint -d '${job}' | sed 's/.*"token":"//; s/".*//')`);
  terminal.dim('# … and exchanges it; change "environment" above and see the refusal');
  terminal.line(`curl -s ${baseUrl}/auth/v1/token -d subject_token="$JOB" \\`);
  terminal.line('  -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \\');
  terminal.line('  -d subject_token_type=urn:ietf:params:oauth:token-type:jwt \\');
  terminal.line(`  -d client_id=${stage.githubTrust}`);
  terminal.dim('# a token by client secret, and a call with it');
  terminal.line(`TOKEN=$(curl -s ${baseUrl}/auth/v1/token -d grant_type=client_credentials \\`);
  terminal.line(`  -d client_id=${stage.credential.clientId} \\`);
  terminal.line(`  -d client_secret=${stage.credential.secret} \\`);
  terminal.line(`  | sed 's/.*"access_token":"//; s/".*//')`);
  terminal.line(`curl -s ${baseUrl}/api/v1/auth/introspect -H "Authorization: Bearer $TOKEN"`);
  terminal.dim('# the public keys and metadata that resource servers use');
  terminal.line(
    `curl -s ${baseUrl}/.well-known/jwks.json; curl -s ${baseUrl}/.well-known/oauth-authorization-server`,
  );
  terminal.line();
  terminal.dim('Ctrl-C ends the demonstration and forgets everything.');
}
