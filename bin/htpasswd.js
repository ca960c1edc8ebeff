#!/usr/bin/env node
// CommonJS, as bin/package.json says: it starts faster than an ES module.
require('../dist/htpasswd.cjs')
  .main(process.argv.slice(2))
  .then((status) => {
    process.exitCode = status
  })
