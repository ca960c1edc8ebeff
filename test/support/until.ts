/** Waits until `condition` holds; after `timeout` milliseconds of real time, it fails with the result of `state`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  state: () => unknown = () => '',
  timeout = 60_000,
): Promise<void> {
  const start = process.hrtime()
  while (!(await condition())) {
    const [seconds, nanoseconds] = process.hrtime(start)
    if (1e3 * seconds + nanoseconds / 1e6 > timeout)
      throw new Error(`timed out waiting for ${condition}: ${String(state())}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Waits until `count` has not changed for a while, and returns it. On a busy machine, it may still change later. */
export async function settled(count: () => number): Promise<number> {
  let last = -1
  while (last !== count()) {
    last = count()
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  return last
}
