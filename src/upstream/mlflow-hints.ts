// MLflow 3.5 and later responds with 403 to an unknown Host, and to pages of other origins (mlflow.server.security_utils). Since
// operators would suspect the gate, the log explains it.

const INVALID_HOST = 'Invalid Host header'

const REFUSALS = [
  {
    text: INVALID_HOST,
    hint: "MLflow rejects this Host, and gets the client's from now on: start MLflow without --allowed-hosts, or add the gate's name to it, or set --upstream-host to a name that MLflow accepts",
  },
  {
    text: 'Cross-origin request blocked',
    hint: "MLflow rejects a page of another origin: start MLflow with --cors-allowed-origins and that page's origin",
  },
]

/** Whether a 403 means that MLflow does not accept the Host. */
export const isHostRejection = (body: Buffer): boolean => body.includes(INVALID_HOST)

/** Least time between two hints, in milliseconds. */
const INTERVAL = 60_000

/** Recognizes MLflow's refusals that one of its options prevents. */
export class MlflowHints {
  readonly #given = new Map<string, number>()
  readonly #now: () => number

  /** @param now a monotonic clock, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** The hint for the body of a 403, at most once a minute; undefined for other bodies. */
  hintFor(body: Buffer): string | undefined {
    for (const { text, hint } of REFUSALS) {
      if (!body.includes(text)) continue
      if (this.#now() - (this.#given.get(text) ?? -INTERVAL) < INTERVAL) return undefined
      this.#given.set(text, this.#now())
      return hint
    }
    return undefined
  }
}
