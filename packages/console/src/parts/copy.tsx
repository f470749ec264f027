import { useEffect, useState } from 'react';
import { Button } from 'react-aria-components';

const SAID_FOR_MS = 2000;

/** A button that copies a text and says that it did. */
export function CopyButton({ text, label, name }: { text: string; label: string; name?: string }) {
  const [said, setSaid] = useState<'copied' | 'failed'>();
  useEffect(() => {
    if (said === undefined) return;
    const timer = setTimeout(() => setSaid(undefined), SAID_FOR_MS);
    return () => clearTimeout(timer);
  }, [said]);
  // Browsers offer the clipboard only on https and on loopback.
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('copied');
    } catch {
      setSaid(copyBySelection(text) ? 'copied' : 'failed');
    }
  };
  return (
    <Button className="button button-quiet" onPress={() => void copy()} {...(name && { 'aria-label': name })}>
      <span aria-live="polite">
        {said === undefined ? label : said === 'copied' ? 'Copied' : 'Select and copy'}
      </span>
    </Button>
  );
}

/** A command to run in a terminal, with its copy button. */
export function Command({ children }: { children: string }) {
  return (
    <div className="command">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can scroll must be reachable by keyboard */}
      <pre tabIndex={0}>{children}</pre>
      <CopyButton text={children} label="Copy" name="Copy this command" />
    </div>
  );
}

/**
 * Copies the request behind a view as a command, with a variable in place of the admin token.
 *
 * @param auth `admin` by default; `profile` for calls that accept a profile token
 */
export function CurlButton(props: {
  path: string;
  method?: string;
  json?: unknown;
  auth?: 'admin' | 'profile';
}) {
  return <CopyButton text={curlCommand(props)} label="Copy as curl" />;
}

export function curlCommand(props: {
  path: string;
  method?: string;
  json?: unknown;
  auth?: 'admin' | 'profile' | 'none';
}): string {
  const { path, method = 'GET', json, auth = 'admin' } = props;
  return [
    `curl -s ${method === 'GET' ? '' : `-X ${method} `}${quoted(location.origin + path)}`,
    ...(auth === 'none' ? [] : [`-H "Authorization: Bearer $QUIVER_TOKEN"`]),
    ...(json === undefined
      ? []
      : [`-H 'Content-Type: application/json'`, `-d ${quoted(JSON.stringify(json))}`]),
  ].join(' \\\n  ');
}

/** Quotes a text for a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'off-screen';
  document.body.append(area);
  area.select();
  const isDone = document.execCommand('copy');
  area.remove();
  return isDone;
}
