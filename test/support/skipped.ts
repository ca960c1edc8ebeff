import type { Reporter, TestModule } from 'vitest/node'

/** Lists the skipped tests, with the reason that `describeIf` adds to their titles, and says how to install what is missing. */
export default class Skipped implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const titles = modules.flatMap((module) => [...module.children.allSuites()].map(({ name }) => name))
    const skipped = titles.filter((title) => title.includes('(skipped: '))
    if (skipped.length === 0) return
    console.log('Skipped, since something is missing on this machine:')
    for (const title of new Set(skipped)) console.log(`  ${title}`)
    console.log('As root, scripts/install-peers.sh installs the missing programs on Debian.')
  }
}
