import type { EdgeView } from 'quiver-client';
import { paths } from '../api/paths.ts';
import { useEdges } from '../api/queries.ts';
import { Command, CurlButton } from '../parts/copy.tsx';
import { Failure } from '../parts/failure.tsx';
import { count } from '../parts/format.ts';
import { Card, PageHead } from '../parts/page.tsx';

/** The edge clusters, as seen by the one that serves this page. */
export function EdgesPage({ client }: { client: string }) {
  const edges = useEdges(client, true);
  return (
    <>
      <PageHead title="Edges" intro="Edge clusters that share one set of visitors" />
      <Card title="Clusters" actions={<CurlButton path={paths.edges(client)} />}>
        {edges.isLoadingError ? (
          <Failure error={edges.error} retry={() => void edges.refetch()} />
        ) : edges.isPending ? (
          <p className="loading">Loading…</p>
        ) : (
          <>
            <EdgeTable edges={edges.data} />
            {edges.data.length === 1 && <Alone />}
          </>
        )}
      </Card>
    </>
  );
}

function EdgeTable({ edges }: { edges: readonly EdgeView[] }) {
  return (
    <div className="scroll">
      <table className="listing">
        <caption className="off-screen">Edge clusters, the one that serves this page first</caption>
        <thead>
          <tr>
            <th scope="col">Cluster</th>
            <th scope="col">State</th>
            <th scope="col" className="number">
              Round trip
            </th>
            <th scope="col" className="number">
              Profiles
            </th>
            <th scope="col">Where</th>
          </tr>
        </thead>
        <tbody>
          {edges.map((edge) => (
            <tr key={edge.cluster}>
              <td>{edge.cluster}</td>
              <td>
                <span className={`badge badge-${edge.reachable ? 'good' : 'bad'}`}>
                  {edge.reachable ? 'Reachable' : 'Out of reach'}
                </span>
              </td>
              <td className="number" data-unit="round trip">
                {edge.roundTripMs === null || edge.url === null ? '–' : `${edge.roundTripMs} ms`}
              </td>
              <td className="number" data-unit="profiles">
                {edge.profiles === null ? '–' : count(edge.profiles)}
              </td>
              <td>
                {edge.url ?? 'this cluster'}
                {edge.problem && <small className="problem"> {edge.problem}</small>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Alone() {
  return (
    <div className="empty">
      <p>This cluster has no peers. Three of them on this machine, to try:</p>
      <Command>npm run edges</Command>
    </div>
  );
}
