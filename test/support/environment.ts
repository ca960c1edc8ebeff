/** This process's environment without the suite's own HTGATE_… variables, which htgate would read as options. */
export const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('HTGATE_')),
)
