/**
 * The entry of a Map that was added first, again and again. A new iterator for each would step over every entry deleted
 * before: with 100,000 entries that takes a millisecond.
 *
 * An entry that is deleted and added again counts as new.
 */
export class Oldest<K, V> {
  readonly #map: Map<K, V>
  #entries: MapIterator<[K, V]>
  #front: [K, V] | undefined

  constructor(map: Map<K, V>) {
    this.#map = map
    this.#entries = map.entries()
  }

  /** The oldest entry; values have to be objects, by which one that was added again is told from the old one. */
  peek(): [K, V] | undefined {
    while (this.#map.size > 0) {
      if (this.#front && this.#map.get(this.#front[0]) === this.#front[1]) return this.#front
      this.#front = this.#next()
    }
    return undefined
  }

  /** Deletes the oldest entry. */
  drop(): void {
    const entry = this.#front && this.#map.get(this.#front[0]) === this.#front[1] ? this.#front : this.#next()
    this.#front = undefined
    if (entry) this.#map.delete(entry[0])
  }

  #next(): [K, V] | undefined {
    const { done, value } = this.#entries.next()
    if (!done) return value
    this.#entries = this.#map.entries()
    return this.#entries.next().value
  }
}
