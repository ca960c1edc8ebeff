import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Mounts onto `target` with the given options of mount(8), until the test ends. */
export function mount(target: string, ...options: string[]): void {
  const { status, stderr } = spawnSync('mount', [...options, target])
  if (status !== 0) throw new Error(`mount ${options.join(' ')}: ${stderr}`)
  onTestFinished(() => {
    spawnSync('umount', [target])
  })
}

/** For `describeIf`. Root may mount, but not in every container. */
export const lacksMounting: string[] = (() => {
  const target = mkdtempSync(join(tmpdir(), 'htgate-mount-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', target])
  if (status === 0) spawnSync('umount', [target])
  rmSync(target, { recursive: true, force: true })
  return status === 0 ? [] : ['right to mount']
})()
