/** Random choices, reproducible from a seed. */
export interface Random {
  /** 0 to `below` - 1. */
  number(below: number): number
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
  shuffled<T>(from: readonly T[]): T[]
}

/** The generator is mulberry32 (Tommy Ettinger), seeded with a hash of the text (FNV-1a). */
export function randomFrom(seed: string): Random {
  let state = 0x811c9dc5
  for (const byte of Buffer.from(seed)) state = Math.imul(state ^ byte, 0x01000193)

  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const number = (below: number) => Math.floor(next() * below)
  return {
    number,
    chance: (probability) => next() < probability,
    pick: (from) => from[number(from.length)] as (typeof from)[number],
    shuffled(from) {
      const items = [...from]
      for (let i = items.length - 1; i > 0; i--) {
        const j = number(i + 1)
        ;[items[i], items[j]] = [items[j] as (typeof items)[number], items[i] as (typeof items)[number]]
      }
      return items
    },
  }
}
