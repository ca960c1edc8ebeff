import type { Reporter, TestModule } from 'vitest/node'

/** Lists at the end what was left out and why, which `describeIf` puts into the titles, and how to get what is missing. */
export default class LeftOut implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const titles = modules.flatMap((module) => [...module.children.allSuites()].map(({ name }) => name))
    const leftOut = titles.filter((title) => title.includes('(left out: '))
    if (leftOut.length === 0) return
    console.log('Left out, because something is missing on this machine:')
    for (const title of new Set(leftOut)) console.log(`  ${title}`)
    console.log('As root, scripts/install-peers.sh installs the missing programs on Debian.')
  }
}
