import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import { onTestFinished } from 'vitest'

/** An issuer that a test can make misbehave: it signs anything. */
export interface TestIssuer {
  readonly url: string
  /** The paths of the requests received. */
  readonly asked: string[]
  /** Replaces members of its metadata. */
  metadata: Record<string, unknown>
  /** Whether it responds to everything with 503. */
  isDown: boolean
  /** Handlers by path, in place of its own. */
  readonly answers: Map<string, (request: IncomingMessage, response: ServerResponse, body: string) => void>
  /** Its current public key. */
  readonly publicKey: JWK
  /** Signs with a new key from now on, and withdraws the old one unless `keepsOld`. */
  rotate(keepsOld?: boolean): Promise<void>
  sign(claims: Record<string, unknown>, options?: SignOptions): Promise<string>
  close(): void
}

export interface SignOptions {
  readonly header?: Record<string, unknown>
  readonly key?: CryptoKey | Uint8Array
}

const now = () => Math.floor(Date.now() / 1000)

/** Starts an issuer on a free port of 127.0.0.1, and stops it after the test. */
export async function startIssuer(): Promise<TestIssuer> {
  let keys: { jwk: JWK; privateKey: CryptoKey }[] = []
  let made = 0
  const rotate = async (keepsOld = true) => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid: `key-${++made}`, alg: 'ES256', use: 'sig' }
    keys = [{ jwk, privateKey }, ...(keepsOld ? keys : [])]
  }
  await rotate()
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url as string, 'http://x')
    issuer.asked.push(pathname)
    let body = ''
    for await (const part of request) body += part
    const json = (value: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    if (issuer.isDown) return json({}, 503)
    const answer = issuer.answers.get(pathname)
    if (answer) return answer(request, response, body)
    if (pathname === '/.well-known/openid-configuration') return json({ ...defaults, ...issuer.metadata })
    if (pathname === '/jwks') return json({ keys: keys.map(({ jwk }) => jwk) })
    json({}, 404)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const defaults = {
    issuer: url,
    jwks_uri: `${url}/jwks`,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    userinfo_endpoint: `${url}/userinfo`,
    response_types_supported: ['code'],
    id_token_signing_alg_values_supported: ['ES256'],
  }
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  onTestFinished(close)
  const issuer: TestIssuer = {
    url,
    asked: [],
    metadata: {},
    isDown: false,
    answers: new Map(),
    get publicKey() {
      return keys[0]?.jwk as JWK
    },
    rotate,
    sign(claims, { header, key } = {}) {
      const [newest] = keys
      const defaultClaims = { iss: url, sub: 'u-1', aud: 'mlflow-api', iat: now(), exp: now() + 300 }
      return new SignJWT({ ...defaultClaims, ...(claims as JWTPayload) })
        .setProtectedHeader({ alg: 'ES256', kid: newest?.jwk.kid as string, ...header })
        .sign(key ?? (newest?.privateKey as CryptoKey))
    },
    close,
  }
  return issuer
}
