import type { Reporter, TestModule } from 'vitest/node'

/** Says at the end what was left out, and what for: `describeIf` puts it into the titles. */
export default class LeftOut implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const titles = modules.flatMap((module) => [...module.children.allSuites()].map(({ name }) => name))
    const leftOut = titles.filter((title) => title.includes('(left out: '))
    if (leftOut.length === 0) return
    console.log('Left out, since something is not on this machine:')
    for (const title of new Set(leftOut)) console.log(`  ${title}`)
  }
}
