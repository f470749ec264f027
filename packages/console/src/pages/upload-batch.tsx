import { useQueryClient } from '@tanstack/react-query';
import { QuiverClientError } from 'quiver-client';
import { useState } from 'react';
import { Button, DropZone, FileTrigger, Text } from 'react-aria-components';
import { useLocation } from 'wouter';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { type CheckedFile, checkFile } from '../api/check-file.ts';
import { batchOf, type CsvMapping, type CsvTable, isBatchFile, readCsv } from '../api/csv-table.ts';
import { endedSession, SESSION_KEY, type Session } from '../api/session.ts';
import { uploadBatch } from '../api/upload.ts';
import { Failure } from '../parts/failure.tsx';
import { bytes, count, counted } from '../parts/format.ts';
import { Card, Facts } from '../parts/page.tsx';
import { Progress } from '../parts/progress.tsx';
import { MapColumns } from './map-columns.tsx';

/**
 * An upload: nothing → checking → (for a table: mapping →) checked → sending → the page of the
 * batch, which shows its progress.
 */
type Stage =
  | { readonly at: 'nothing'; readonly error?: Error }
  | { readonly at: 'checking' }
  | { readonly at: 'mapping'; readonly table: CsvTable }
  | { readonly at: 'checked'; readonly checked: CheckedFile; readonly error?: Error }
  | { readonly at: 'sending'; readonly checked: CheckedFile; readonly share: number };

/** How many rows that will fail are shown. */
const SHOWN_PROBLEMS = 5;

export function UploadBatch({ client }: { client: string }) {
  const [stage, setStage] = useState<Stage>({ at: 'nothing' });
  const [createsMissing, setCreatesMissing] = useState(true);
  const [, navigate] = useLocation();
  const queries = useQueryClient();

  const take = async (file: File | undefined) => {
    if (!file) return;
    setStage({ at: 'checking' });
    if (await isBatchFile(file)) return setStage({ at: 'checked', checked: await checkFile(file) });
    try {
      setStage({ at: 'mapping', table: await readCsv(file) });
    } catch (error) {
      const { message } = error as Error;
      setStage({
        at: 'nothing',
        error: new Error(`${file.name} is neither a batch nor a table. ${message}`),
      });
    }
  };
  const convert = async (table: CsvTable, mapping: CsvMapping) => {
    const { file, problems } = batchOf(table, mapping);
    const checked = await checkFile(file);
    const told = [...problems, ...checked.problems].slice(0, SHOWN_PROBLEMS);
    const badRows = checked.badRows + problems.length;
    setStage({ at: 'checked', checked: { ...checked, badRows, problems: told } });
  };
  const send = async (checked: CheckedFile) => {
    const progress = (share: number) => setStage({ at: 'sending', checked, share });
    progress(0);
    try {
      const version = createsMissing ? 'v2' : 'v1';
      const id = await uploadBatch(client, version, checked.file, checked.isGzip, progress);
      void queries.invalidateQueries({ queryKey: [client, 'batches'] });
      navigate(`/${encodeURIComponent(client)}/batches/${encodeURIComponent(id)}`);
    } catch (error) {
      if (error instanceof QuiverClientError && error.status === 401)
        queries.setQueryData<Session | null>(SESSION_KEY, endedSession);
      setStage({ at: 'checked', checked, error: error as Error });
    }
  };

  return (
    <Card title="Send a batch">
      {(stage.at === 'nothing' || stage.at === 'checking') && (
        <DropZone
          className="drop"
          onDrop={async ({ items }) => {
            const file = items.find((item) => item.kind === 'file');
            if (file?.kind === 'file') await take(await file.getFile());
          }}
        >
          <Text slot="label">
            {stage.at === 'checking' ? 'Reading the file…' : 'Drop a batch or a CSV file here'}
          </Text>
          <FileTrigger onSelect={(files) => void take(files?.[0])}>
            <Button className="button">Choose a file</Button>
          </FileTrigger>
          <p className="muted">
            A batch, whose first line is such as <code>batch=thirdPartyId,country,plan</code> (plain or gzip),
            or a CSV table, whose columns you then map.
          </p>
        </DropZone>
      )}
      {stage.at === 'nothing' && stage.error && <Failure error={stage.error} />}
      {stage.at === 'mapping' && (
        <MapColumns
          table={stage.table}
          use={(mapping) => void convert(stage.table, mapping)}
          leave={() => setStage({ at: 'nothing' })}
        />
      )}
      {stage.at === 'checked' && (
        <div className="checked">
          <WhatWasFound checked={stage.checked} />
          {stage.error && <Failure error={stage.error} />}
          <label className="choice">
            <input
              type="checkbox"
              checked={createsMissing}
              onChange={({ target }) => setCreatesMissing(target.checked)}
            />
            Create profiles that do not exist yet (v2)
          </label>
          <div className="actions">
            <Button
              className="button button-solid"
              isDisabled={stage.checked.refusal !== undefined}
              onPress={() => void send(stage.checked)}
            >
              Send {counted(stage.checked.rows, 'row')}
            </Button>
            <Button className="button" onPress={() => setStage({ at: 'nothing' })}>
              Choose another file
            </Button>
          </div>
        </div>
      )}
      {stage.at === 'sending' && (
        <Progress
          label={`Sending ${stage.checked.file.name}`}
          share={stage.share}
          text={`${Math.round(stage.share * 100)} % of ${bytes(stage.checked.file.size)}`}
        />
      )}
    </Card>
  );
}

function WhatWasFound({ checked }: { checked: CheckedFile }) {
  const { file, idKind, attributes, rows, refusal, badRows, problems } = checked;
  return (
    <>
      <Facts
        facts={[
          ['File', `${visibleText(file.name)}, ${bytes(file.size)}`],
          ['Rows', count(rows)],
          ['Id', idKind || '–'],
          ['Attributes', attributes.map(visibleText).join(', ') || '–'],
        ]}
      />
      {refusal !== undefined && (
        <div className="note note-bad" role="alert">
          <p>This file cannot be sent. {refusal}</p>
        </div>
      )}
      {refusal === undefined && badRows > 0 && (
        <div className="note note-warn" role="status">
          <p>
            {counted(badRows, 'row')} will fail; the others will be applied. You can send the file as it is
            and fix those rows afterwards.
          </p>
          <ul>
            {problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </div>
      )}
      {refusal === undefined && badRows === 0 && (
        <div className="note note-good" role="status">
          <p>The file is well formed.</p>
        </div>
      )}
    </>
  );
}
