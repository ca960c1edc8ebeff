/** This process's environment, without the suite's own settings in HTGATE_…: to htgate these would be options. */
export const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('HTGATE_')),
)
