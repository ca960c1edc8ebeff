/**
 * Finds the oldest entry of a Map repeatedly, in constant time. A new iterator each time would have to skip all entries
 * deleted before, which takes a millisecond in a map of 100,000.
 *
 * Entries that are deleted and added again count as new.
 */
export class Oldest<K, V> {
  readonly #map: Map<K, V>
  #entries: MapIterator<[K, V]>
  #front: [K, V] | undefined

  constructor(map: Map<K, V>) {
    this.#map = map
    this.#entries = map.entries()
  }

  /** The oldest entry. Values must be objects: the value tells whether an entry was deleted and added again. */
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
