/** Commands that create something to see, for the server that this page came from. */

/** A visit that sets an attribute. */
export function visitCommand(client: string): string {
  return `curl -s '${location.origin}/rest/v1/delivery?client=${encodeURIComponent(client)}&sessionId=s1' \\
  -H 'Content-Type: application/json' \\
  -d '{"context":{"channel":"web"},"execute":{"mboxes":[{"index":0,"name":"home","profileParameters":{"country":"france"}}]}}'`;
}

/** A batch of two rows. */
export function updateCommand(client: string): string {
  return `printf 'batch=thirdPartyId,country,plan\\ncrm-1,france,gold\\ncrm-2,,silver\\n' |
  curl -s '${location.origin}/m2/${encodeURIComponent(client)}/v2/profile/batchUpdate' --data-binary @-`;
}
