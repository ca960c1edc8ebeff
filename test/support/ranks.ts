/**
 * The probability that a value of `a` is larger than a value of `b` (the Mann–Whitney U statistic): one half if their
 * distributions are the same. Pauses of a busy machine hardly affect it.
 */
export function probabilityOfLarger(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((value) => ({ value, isA: true })), ...b.map((value) => ({ value, isA: false }))]
  all.sort((x, y) => x.value - y.value)
  let rankSum = 0
  for (const [rank, { isA }] of all.entries()) if (isA) rankSum += rank + 1
  return (rankSum - (a.length * (a.length + 1)) / 2) / (a.length * b.length)
}
