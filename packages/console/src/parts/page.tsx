import { type ReactNode, useEffect } from 'react';

/**
 * The head of a page: its name and what can be done with it.
 *
 * @param name what the window is called, when the title says it otherwise
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

/** A part of a page on a ground of its own. */
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

/** A name and its value, many of them. */
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
