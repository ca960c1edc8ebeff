// MLflow 3.5 and newer answers 403 to a Host that it does not know, and to a browser whose page came from another origin
// (mlflow.server.security_utils). Whoever sees that 403 looks for its cause at the gate, so the log explains it.

const REFUSALS = [
  {
    text: 'Invalid Host header',
    hint: "MLflow rejects this Host: start MLflow with --allowed-hosts and the gate's name, or htgate with --upstream-host localhost",
  },
  {
    text: 'Cross-origin request blocked',
    hint: "MLflow rejects this browser's Origin: start MLflow with --cors-allowed-origins and the gate's URL",
  },
]

/** How often a hint is given at most, in milliseconds. */
const INTERVAL = 60_000

/** Recognizes refusals of MLflow that one of its options prevents. */
export class MlflowHints {
  readonly #given = new Map<string, number>()
  readonly #now: () => number

  /** @param now a monotonic clock, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** What to tell the operator about the body of a 403, at most once a minute; undefined for other bodies. */
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
