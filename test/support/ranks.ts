/**
 * The probability that one of `a` is larger than one of `b` (the statistic of Mann, Whitney and Wilcoxon): one half if
 * nothing tells them apart. Pauses of a busy machine hardly change it.
 */
export function probabilityOfLarger(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((value) => ({ value, isA: true })), ...b.map((value) => ({ value, isA: false }))]
  all.sort((x, y) => x.value - y.value)
  let rankSum = 0
  for (const [rank, { isA }] of all.entries()) if (isA) rankSum += rank + 1
  return (rankSum - (a.length * (a.length + 1)) / 2) / (a.length * b.length)
}
