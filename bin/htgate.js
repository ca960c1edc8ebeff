#!/usr/bin/env node
// Errors that nothing else reports: a crash, or too few open files to load the code.
function crash(error) {
  const { HTGATE_DEBUG } = process.env
  const hint = HTGATE_DEBUG ? '' : 'htgate: hint: HTGATE_DEBUG=1 prints the stack\n'
  process.stderr.write(
    `htgate: unexpected error: ${(HTGATE_DEBUG && error?.stack) || error?.message || error}\n${hint}`,
  )
  process.exit(1)
}
process.on('uncaughtException', crash)

import('../dist/htgate/main.js')
  .then(({ main }) => main(process.argv.slice(2)))
  .then((status) => {
    // Do not wait for open handles: everything that had to finish has finished.
    process.exit(status)
  })
  .catch(crash)
