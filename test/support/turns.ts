/** Runs `action`; `turns` counts the turns of the event loop in the meantime. */
export async function countTurns<T>(action: () => Promise<T>): Promise<{ result: T; turns: number }> {
  let turns = 0
  let over = false
  const takeTurn = () => {
    turns++
    if (!over) setImmediate(takeTurn)
  }
  setImmediate(takeTurn)
  const result = await action()
  over = true
  return { result, turns }
}
