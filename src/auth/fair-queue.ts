// Decides which login is next. Clients take turns, and so do the users of each client, so a busy client only delays
// itself.
//
// Of a client's users the newest goes first. In a flood of guesses that come as fast as they are answered, someone new at
// the same address is the last to come and waits for one or two guesses, and not for all.
//
// Clients with recent failed logins are suspects. They have a queue of their own, which is served when no other client
// waits, and at every fourth turn. When the queue is full, they give way first, and of all the client with most in it.

/** Suspects get one turn in so many while others wait. */
const SUSPECT_TURN = 4

export class FairQueue<T> {
  readonly #limit: number
  readonly #calm = new Ring<T>()
  readonly #suspect = new Ring<T>()
  #turn = 0

  /** @param limit how many items may wait */
  constructor(limit: number) {
    this.#limit = limit
  }

  get length(): number {
    return this.#calm.length + this.#suspect.length
  }

  /** Adds `item`. Returns the item that has to leave for it, if the queue is full; that may be `item` itself. */
  push(item: T, client: string, user: string, isSuspect = false): T | undefined {
    const ring = isSuspect ? this.#suspect : this.#calm
    ring.push(item, client, user)
    if (this.length <= this.#limit) return undefined
    return isSuspect || this.#suspect.length === 0 ? ring.evict(client) : this.#suspect.evict()
  }

  /** Removes and returns the next item. */
  shift(): T | undefined {
    const suspectsTurn = this.#suspect.length > 0 && ++this.#turn % SUSPECT_TURN === 0
    if (this.#calm.length > 0 && !suspectsTurn) return this.#calm.shift()
    return this.#suspect.shift()
  }

  /** Removes an abandoned item. Returns whether it was in the queue. */
  remove(item: T, client: string, user: string): boolean {
    return this.#calm.remove(item, client, user) || this.#suspect.remove(item, client, user)
  }
}

/** Items by client and user. No client is without a user, no user without an item. */
class Ring<T> {
  length = 0
  /** In the order of their turns. */
  readonly #clients = new Map<string, Map<string, T[]>>()

  push(item: T, client: string, user: string): void {
    const users = getOrAdd(this.#clients, client, () => new Map<string, T[]>())
    getOrAdd(users, user, () => []).push(item)
    this.length++
  }

  /** The oldest item of the newest user of the client whose turn it is. That user goes behind the client's others then. */
  shift(): T | undefined {
    for (const [client, users] of this.#clients) {
      const [user, items] = [...users].at(-1) as [string, T[]]
      const item = items.shift()
      users.delete(user)
      const rest = items.length > 0 ? new Map([[user, items], ...users]) : users
      this.length--
      this.#clients.delete(client)
      if (rest.size > 0) this.#clients.set(client, rest)
      return item
    }
    return undefined
  }

  /**
   * Of the client with most items, of its user with most, the last. Where others have as many, the newcomer among clients,
   * but the longest waiting among users, whose chance was smallest.
   */
  evict(newClient?: string): T | undefined {
    const client = longest(this.#clients, newClient, itemsOf)
    const users = this.#clients.get(client) as Map<string, T[]>
    return this.#take(
      client,
      longest(users, undefined, (items) => items.length),
      -1,
    )
  }

  remove(item: T, client: string, user: string): boolean {
    const place = this.#clients.get(client)?.get(user)?.indexOf(item) ?? -1
    if (place === -1) return false
    this.#take(client, user, place)
    return true
  }

  #take(client: string, user: string, place: number): T | undefined {
    const users = this.#clients.get(client) as Map<string, T[]>
    const items = users.get(user) as T[]
    const [item] = items.splice(place, 1)
    this.length--
    if (items.length === 0) users.delete(user)
    if (users.size === 0) this.#clients.delete(client)
    return item
  }
}

function getOrAdd<V>(map: Map<string, V>, key: string, make: () => V): V {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}

const itemsOf = (users: Map<string, unknown[]>): number => {
  let count = 0
  for (const items of users.values()) count += items.length
  return count
}

/** The key of the largest value; `preferred`, or else the first, if none is larger. */
function longest<V>(map: Map<string, V>, preferred: string | undefined, size: (value: V) => number): string {
  let best = preferred
  let most = best === undefined ? 0 : size(map.get(best) as V)
  for (const [key, value] of map) {
    const count = size(value)
    if (count > most) {
      best = key
      most = count
    }
  }
  return best as string
}
