import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { pathWithHtpasswd } from '../support/command-path.js'
import { temporaryFolder } from '../support/folder.js'
import { ordinaryUser } from '../support/ordinary-user.js'
import { run } from '../support/run.js'
import { matches, type Player, type Step, stepsOf } from './session.js'

/** Plays a session, and compares the output with it. */
export async function play(session: string, player: Player): Promise<void> {
  const folder = temporaryFolder()
  const env = { PATH: pathWithHtpasswd(player, folder), LC_ALL: 'C' }
  const cwd = join(folder, 'session')
  mkdirSync(cwd)
  if (ordinaryUser?.uid) chownSync(cwd, ordinaryUser.uid, ordinaryUser.uid)

  const steps = stepsOf(session, player)
  const played: string[] = []
  for (const step of steps) {
    const command = `exec 2>&1\numask 022\n${step.command}`
    const { status, stdout } = await run('sh', ['-c', command], { cwd, env, ...ordinaryUser })
    played.push(...asWritten(step, linesOf(stdout.toString(), status)))
  }
  expect(played.join('\n')).toBe(steps.flatMap((step) => asWritten(step, step.expected)).join('\n'))
}

function linesOf(output: string, status: number | null): string[] {
  const lines = output.split('\n')
  if (lines.at(-1) === '') lines.pop()
  else lines.push('\\ No newline at end of output')
  return [...lines, `[${status}]`]
}

/** The lines under their command; those that match are as the session writes them. */
function asWritten({ command, expected }: Step, lines: readonly string[]): string[] {
  return [
    `$ ${command}`,
    ...lines.map((line, i) => {
      const words = expected[i]
      return words !== undefined && matches(line, words) ? words : line
    }),
  ]
}
