#!/usr/bin/env node
import('../dist/htgate/main.js')
  .then(({ main }) => main(process.argv.slice(2)))
  .then((status) => {
    // Whatever may still be open: all that had to be finished is.
    process.exit(status)
  })
