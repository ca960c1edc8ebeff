/** This process's environment, without what the suite itself is told by HTGATE_…: to htgate these would be options. */
export const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('HTGATE_')),
)
