/**
 * A queue whose members take turns: first the clients, and then the users of each client. A client that asks for much
 * waits for itself. When the queue is full it is who has most in it that gives way.
 */
export class Turns<T> {
  length = 0
  readonly #limit: number
  /** In the order of their turns. No client is without a user, no user without an item. */
  readonly #clients = new Map<string, Map<string, T[]>>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Queues `item`; answers the one that had to go for it, which may be `item` itself. */
  push(item: T, client: string, user: string): T | undefined {
    const users = getOrAdd(this.#clients, client, () => new Map<string, T[]>())
    getOrAdd(users, user, () => []).push(item)
    this.length++
    return this.length > this.#limit ? this.#giveWay(client, user) : undefined
  }

  /** The item whose turn it is. */
  shift(): T | undefined {
    for (const [client, users] of this.#clients) {
      for (const [user, items] of users) {
        const item = items.shift()
        this.length--
        // Whoever has had a turn goes to the end.
        users.delete(user)
        if (items.length > 0) users.set(user, items)
        this.#clients.delete(client)
        if (users.size > 0) this.#clients.set(client, users)
        return item
      }
    }
    return undefined
  }

  /** Of the client with most items, of its user with most, the last. The newcomer where others have as many. */
  #giveWay(newClient: string, newUser: string): T | undefined {
    const client = longest(this.#clients, newClient, itemsOf)
    const users = this.#clients.get(client) as Map<string, T[]>
    const user = longest(users, client === newClient ? newUser : undefined, (items) => items.length)
    const items = users.get(user) as T[]
    const item = items.pop()
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

/** The key of the largest value; `preferred` if none is larger than its. */
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
