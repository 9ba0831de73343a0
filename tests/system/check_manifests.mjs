// Reads objects of Kubernetes as a JSON array, and prints what is wrong with them, a line
// each. Twice: by the schemas' own validators, which know values and what is required, and
// by the TypeScript compiler, which knows the fields that there are.
//
// To be run from its directory, whose node_modules has the packages.
import {readFileSync, writeFileSync} from 'node:fs';
import {spawnSync} from 'node:child_process';

const PACKAGES = {
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator/monitoring.coreos.com',
  'cert-manager.io': '@kubernetes-models/cert-manager/cert-manager.io',
};

function moduleOf(apiVersion) {
  const group = apiVersion.split('/')[0];
  return group in PACKAGES ? apiVersion.replace(group, PACKAGES[group])
                           : `kubernetes-models/${apiVersion}`;
}

const objects = JSON.parse(readFileSync(0, 'utf-8'));
let program = '';
for (const [index, object] of objects.entries()) {
  const name = `${object.kind}/${object.metadata?.name}`;
  const module = moduleOf(object.apiVersion);
  const Model = (await import(module).catch(() => ({})))[object.kind];
  if (!Model) {
    console.log(`${name}: there is no ${object.kind} in ${object.apiVersion}`);
    continue;
  }
  try {
    new Model(object).validate();
  } catch (error) {
    console.log(`${name}: ${error.message}`);
  }
  program += `import type {I${object.kind} as T${index}} from '${module}';\n` +
      `export const o${index}: T${index} = ${JSON.stringify(object, null, 1)};\n`;
}
writeFileSync('objects.ts', program);
const compiler = spawnSync(
    'node_modules/.bin/tsc',
    ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022',
     'objects.ts'],
    {encoding: 'utf-8'});
if (compiler.error) throw compiler.error;
process.stdout.write(compiler.stdout);
