#!/usr/bin/env node
import('../dist/htgate/main.js')
  .then(({ main }) => main(process.argv.slice(2)))
  .then((status) => {
    process.exitCode = status
  })
