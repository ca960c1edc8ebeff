// Preloaded into the measured process; writes its peak memory in KiB to descriptor 3.
process.on('exit', () => {
  require('node:fs').writeSync(3, String(process.resourceUsage().maxRSS))
})
