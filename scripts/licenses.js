import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The folders of the packages in a bundle: `node_modules/NAME` or `node_modules/@SCOPE/NAME`. */
export function packagesOf({ outputs }) {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs))
  const carried = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0)
  const folders = carried.map(([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0])
  return new Set(folders.filter(Boolean))
}

/** The licenses of the bundled packages, which require to be included. */
export function licenses(folders) {
  return [...folders].sort().map(licenseOf).join('\n')
}

function licenseOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  if (file === undefined) throw new Error(`${name}: no license to pass on; do not bundle it`)
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
}
