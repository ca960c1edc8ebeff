// Prints `N passed, N failed` from vitest's JSON report and the exit status of the package's own test.
import { readFileSync } from 'node:fs'

const [report, packageStatus] = process.argv.slice(2)
const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(readFileSync(report, 'utf8'))
const packageFailed = packageStatus === '0' ? 0 : 1

const passed = numPassedTests + (1 - packageFailed)
// A file that does not load has no failed test, only a failed suite.
const failed = (numFailedTests || (numFailedTestSuites > 0 ? 1 : 0)) + packageFailed
console.log(`${passed} passed, ${failed} failed`)
