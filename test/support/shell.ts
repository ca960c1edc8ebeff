import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './folder.js'
import { htpasswdHere } from './in-process.js'

/** A folder with the given files, in which our command runs, in this process, with its output as text. */
export function shell(files: Record<string, string | Buffer> = {}) {
  const cwd = temporaryFolder()
  for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, name), content)
  return {
    cwd,
    read: (name: string) => readFileSync(join(cwd, name), 'utf8'),
    bytes: (name: string) => readFileSync(join(cwd, name)),
    async run(line: string, input = '') {
      const { status, stdout, stderr } = await htpasswdHere(line.split(' '), { cwd, input })
      return { status, stdout: stdout.toString(), stderr: stderr.toString() }
    },
  }
}
