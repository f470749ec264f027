import { type ReactNode, useEffect } from 'react';

/**
 * The head of a page: its name and its actions.
 *
 * @param name the title of the window, when it differs from that of the page
 */
export function PageHead(
  props: { intro?: ReactNode; children?: ReactNode } & (
    | { title: string; name?: string }
    | { title: ReactNode; name: string }
  ),
) {
  const { title, intro, children, name = title } = props;
  useEffect(() => {
    document.title = `${name} · Quiver`;
  }, [name]);
  return (
    <div className="page-head">
      <div>
        <h1>{title}</h1>
        {intro && <p className="intro">{intro}</p>}
      </div>
      {children && <div className="actions">{children}</div>}
    </div>
  );
}

/** A card: a part of a page with its own background. */
export function Card(props: { title: string; actions?: ReactNode; children: ReactNode; className?: string }) {
  const { title, actions, children, className = '' } = props;
  return (
    <section className={`card ${className}`}>
      <div className="card-head">
        <h2>{title}</h2>
        {actions && <div className="actions">{actions}</div>}
      </div>
      {children}
    </section>
  );
}

/** A list of names and their values. */
export function Facts({ facts }: { facts: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
