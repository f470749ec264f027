import { useState } from 'react';
import { Button, Input, Label, TextField } from 'react-aria-components';
import type { BatchKey } from '../../../server/src/batches/column-name.ts';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { type CsvMapping, type CsvTable, mappingProblem } from '../api/csv-table.ts';
import { bytes, count } from '../parts/format.ts';
import { Facts } from '../parts/page.tsx';

/**
 * Maps the columns of a table: which one contains the ids, and which attribute each other one sets.
 */
export function MapColumns(props: {
  table: CsvTable;
  use: (mapping: CsvMapping) => void;
  leave: () => void;
}) {
  const { table, use, leave } = props;
  const [key, setKey] = useState(table.likelyKey);
  const [as, setAs] = useState<BatchKey>('thirdPartyId');
  const [names, setNames] = useState(table.columns);
  const mapping = { key, as, names };
  const problem = mappingProblem(table, mapping);
  const rename = (at: number, name: string) => setNames(names.map((old, of) => (of === at ? name : old)));
  return (
    <form
      className="checked"
      onSubmit={(event) => {
        event.preventDefault();
        if (problem === undefined) use(mapping);
      }}
    >
      <Facts
        facts={[
          ['File', `${table.file.name}, ${bytes(table.file.size)}`],
          ['Records', count(table.records.length)],
        ]}
      />
      <div className="actions">
        <label className="field">
          <span>Column with the ids</span>
          <select value={key} onChange={({ target }) => setKey(Number(target.value))}>
            {table.columns.map((name, at) => (
              <option key={name} value={at}>
                {visibleText(name)}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>The ids are</span>
          <select value={as} onChange={({ target }) => setAs(target.value as BatchKey)}>
            <option value="thirdPartyId">thirdPartyIds</option>
            <option value="pcId">tntIds</option>
          </select>
        </label>
      </div>
      <div className="scroll">
        <table className="dense">
          <caption className="off-screen">Columns of the table</caption>
          <thead>
            <tr>
              <th scope="col">Column</th>
              <th scope="col">First value</th>
              <th scope="col">Attribute</th>
            </tr>
          </thead>
          <tbody>
            {table.columns.map((column, at) =>
              at === key ? null : (
                <tr key={column}>
                  <th scope="row">{visibleText(column)}</th>
                  <td className="value">{visibleText(table.records[0]?.[at] ?? '').slice(0, 60)}</td>
                  <td>
                    <TextField value={names[at] ?? ''} onChange={(name) => rename(at, name.trim())}>
                      <Label className="off-screen">Attribute for {visibleText(column)}</Label>
                      <Input placeholder="left out" autoComplete="off" spellCheck="false" />
                    </TextField>
                  </td>
                </tr>
              ),
            )}
          </tbody>
        </table>
      </div>
      {problem !== undefined && (
        <p className="bad-words" role="status">
          {problem}
        </p>
      )}
      <div className="actions">
        <Button type="submit" className="button button-solid" isDisabled={problem !== undefined}>
          Continue
        </Button>
        <Button className="button" onPress={leave}>
          Choose another file
        </Button>
      </div>
    </form>
  );
}
