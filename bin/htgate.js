#!/usr/bin/env node
import('../dist/htgate/main.js')
  .then(({ main }) => main(process.argv.slice(2)))
  .then((status) => {
    // Do not wait for open handles: everything that had to finish has finished.
    process.exit(status)
  })
