#!/usr/bin/env node
// CommonJS, as bin/package.json says: it starts faster than an ES module.
process.on('uncaughtException', (error) => {
  const { HTGATE_DEBUG } = process.env
  process.stderr.write(`htpasswd: ${(HTGATE_DEBUG && error?.stack) || error?.message || error}\n`)
  process.exit(1)
})

require('../dist/htpasswd.cjs')
  .main(process.argv.slice(2))
  .then((status) => {
    process.exitCode = status
  })
