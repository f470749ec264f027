import type { JournalCall } from 'quiver-client';
import { useEffect, useRef } from 'react';
import { Button } from 'react-aria-components';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { CopyButton } from '../parts/copy.tsx';
import { time, visibleLines } from '../parts/format.ts';
import { Card, Facts } from '../parts/page.tsx';
import { asClientCode, asCurl, asTest } from '../parts/request-examples.ts';
import { changeText, Ids, StatusBadge } from '../parts/request-table.tsx';
import { RequestTrace } from './request-trace.tsx';

/**
 * One call in full, and as code to copy. When it opens, it scrolls into view and gets the focus.
 * Escape closes it and returns the focus.
 */
export function RequestDetails(props: { call: JournalCall; isSandbox: boolean; close: () => void }) {
  const { call, isSandbox, close } = props;
  const view = useView(call.id, close);
  const { method, path, query, headers, body, reply, changes, fault, reason } = call;
  const head = [
    `${method} ${path}${query === '' ? '' : `?${query}`}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ].join('\n');
  return (
    <div ref={view} tabIndex={-1}>
      <Card
        title="The call in full"
        actions={
          <>
            <CopyButton
              text={asCurl(call, location.origin)}
              label="Copy as curl"
              name="Copy as curl: this call"
            />
            <CopyButton text={asTest(call)} label="Copy as test" />
            <CopyButton text={asClientCode(call, location.origin)} label="Copy as client code" />
            <Button className="button" onPress={close}>
              Close
            </Button>
          </>
        }
      >
        <Facts
          facts={[
            ['Status', <StatusBadge key="status" call={call} />],
            ['Route', call.route ?? 'none'],
            ['Client', call.client || 'none'],
            ['When', time(call.at)],
            ['Time taken', `${call.ms.toFixed(3)} ms`],
            ['Ids', call.ids.length === 0 ? 'none' : <Ids key="ids" call={call} most={100} />],
            ...(fault === undefined ? [] : [['Fault', fault] as const]),
            ...(reason === undefined ? [] : [['Reason', visibleText(reason)] as const]),
          ]}
        />
        {changes.length > 0 && (
          <ul className="changes">
            {changes.map((change, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: changes of a call that was answered stay as they are
              <li key={index}>
                <b>{visibleText(change.id)}</b> {changeText(change)}
              </li>
            ))}
          </ul>
        )}
        <Text title="Request" text={body === '' ? head : `${head}\n\n${body}`} />
        {isSandbox ? (
          <>
            <RequestTrace reply={reply} />
            <Text title="Reply" text={reply === '' ? 'empty' : reply} />
          </>
        ) : (
          <p className="muted">
            A server keeps no bodies. A sandbox shows bodies and what each call changed.
          </p>
        )}
      </Card>
    </div>
  );
}

/** The element of the call that is shown. */
function useView(id: number, close: () => void) {
  const view = useRef<HTMLDivElement>(null);
  const opener = useRef<Element>(null);
  const latestClose = useRef(close);
  latestClose.current = close;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another call comes into view as well
  useEffect(() => {
    const element = view.current!;
    if (!element.contains(document.activeElement)) opener.current = document.activeElement;
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: 'start' });
    const leave = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      latestClose.current();
      if (opener.current instanceof HTMLElement) opener.current.focus();
    };
    element.addEventListener('keydown', leave);
    return () => element.removeEventListener('keydown', leave);
  }, [id]);
  return view;
}

function Text({ title, text }: { title: string; text: string }) {
  return (
    <section className="message">
      <h3>{title}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can scroll must be reachable by keyboard */}
      <pre tabIndex={0}>{visibleLines(text)}</pre>
    </section>
  );
}
