// Decides which login is next. Clients take turns, and so do the users of each client, so a busy client delays only itself.
// Those that have not had a turn yet go first, newest before oldest: in a flood of guesses that arrive as fast as they are
// answered, a new client is the newest, and waits for one or two guesses instead of all of them.
//
// Clients with recent failed logins are suspects. They have their own queue, served when no other client is waiting, and at
// every fourth turn. When the queue is full, suspects are evicted first: the client with the most items, or if several have
// as many, the one that has waited longest.

/** Suspects get one in this many turns while others are waiting. */
const SUSPECT_TURN = 4

export class FairQueue<T> {
  readonly #limit: number
  readonly #trusted = new Lines<T>()
  readonly #suspect = new Lines<T>()
  #turn = 0

  /** @param limit most items to hold */
  constructor(limit: number) {
    this.#limit = limit
  }

  get length(): number {
    return this.#trusted.length + this.#suspect.length
  }

  /** Adds `item`. If the queue is full, returns the item evicted for it, possibly `item` itself. */
  push(item: T, client: string, user: string, isSuspect = false): T | undefined {
    const lines = isSuspect ? this.#suspect : this.#trusted
    lines.push(item, client, user)
    if (this.length <= this.#limit) return undefined
    return this.#suspect.length > 0 ? this.#suspect.evict() : this.#trusted.evict()
  }

  /** Removes and returns the next item. */
  shift(): T | undefined {
    const isSuspectsTurn = this.#suspect.length > 0 && ++this.#turn % SUSPECT_TURN === 0
    if (this.#trusted.length > 0 && !isSuspectsTurn) return this.#trusted.shift()
    return this.#suspect.shift()
  }

  /** Moves a client's waiting items to the suspects. */
  suspect(client: string): void {
    const users = this.#trusted.takeAll(client)
    for (const [user, items] of users) for (const item of items) this.#suspect.push(item, client, user)
  }

  /** Removes an abandoned item. Returns whether it was in the queue. */
  remove(item: T, client: string, user: string): boolean {
    return this.#trusted.remove(item, client, user) || this.#suspect.remove(item, client, user)
  }
}

/** Items by client and user. Every client has a user, and every user has an item. */
class Lines<T> {
  length = 0
  readonly #clients = new Turns<Turns<T[]>>()

  push(item: T, client: string, user: string): void {
    const users = this.#clients.get(client) ?? this.#clients.add(client, new Turns())
    const items = users.get(user) ?? users.add(user, [])
    items.push(item)
    this.length++
  }

  shift(): T | undefined {
    const [client, users] = this.#clients.next() ?? []
    const [user, items] = users?.next() ?? []
    if (client === undefined || users === undefined || user === undefined || items === undefined)
      return undefined
    const item = items.shift()
    this.length--
    if (items.length > 0) users.endTurn(user, items)
    if (users.size > 0) this.#clients.endTurn(client, users)
    return item
  }

  /** Evicts the last item of the client with the most items, of its user with the most. Ties go to the longest waiting. */
  evict(): T | undefined {
    const [client, users] = longest(this.#clients, (users) => sum(users, lengthOf)) ?? []
    const [user, items] = (users && longest(users, lengthOf)) ?? []
    if (client === undefined || user === undefined || items === undefined) return undefined
    return this.#take(client, user, items.length - 1)
  }

  remove(item: T, client: string, user: string): boolean {
    const place = this.#clients.get(client)?.get(user)?.indexOf(item) ?? -1
    if (place === -1) return false
    this.#take(client, user, place)
    return true
  }

  /** Removes and returns all users of a client with their items. */
  takeAll(client: string): [user: string, items: T[]][] {
    const users = this.#clients.get(client)
    if (users === undefined) return []
    this.#clients.delete(client)
    this.length -= sum(users, lengthOf)
    return [...users]
  }

  #take(client: string, user: string, place: number): T | undefined {
    const users = this.#clients.get(client)
    const items = users?.get(user)
    if (users === undefined || items === undefined) return undefined
    const [item] = items.splice(place, 1)
    this.length--
    if (items.length === 0) users.delete(user)
    if (users.size === 0) this.#clients.delete(client)
    return item
  }
}

/** A round-robin of values. */
class Turns<V> {
  /** Values that have not had a turn, newest last. */
  readonly #fresh = new Map<string, V>()
  /** The other values, in the order of their turns. */
  readonly #served = new Map<string, V>()

  get size(): number {
    return this.#fresh.size + this.#served.size
  }

  get(key: string): V | undefined {
    return this.#fresh.get(key) ?? this.#served.get(key)
  }

  add(key: string, value: V): V {
    this.#fresh.set(key, value)
    return value
  }

  delete(key: string): void {
    if (!this.#fresh.delete(key)) this.#served.delete(key)
  }

  /** Removes and returns the next value. */
  next(): [string, V] | undefined {
    const entry = [...this.#fresh].at(-1) ?? [...this.#served][0]
    if (entry) this.delete(entry[0])
    return entry
  }

  /** Puts a value back after its turn. */
  endTurn(key: string, value: V): void {
    this.#served.set(key, value)
  }

  /** Longest waiting first. */
  *[Symbol.iterator](): Iterator<[string, V]> {
    yield* this.#served
    yield* this.#fresh
  }
}

const lengthOf = (items: readonly unknown[]): number => items.length

function sum<V>(values: Iterable<[string, V]>, size: (value: V) => number): number {
  let total = 0
  for (const [, value] of values) total += size(value)
  return total
}

/** The largest; the first if several are equally large. */
function longest<V>(values: Iterable<[string, V]>, size: (value: V) => number): [string, V] | undefined {
  let best: [string, V] | undefined
  let most = 0
  for (const entry of values) {
    const count = size(entry[1])
    if (count <= most) continue
    best = entry
    most = count
  }
  return best
}
