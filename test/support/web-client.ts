// A minimal browser for logins: it stores cookies by host, follows redirects one by one, and submits forms.

export interface Page {
  readonly url: string
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** The part of `fetch` that a client needs. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string
    readonly redirect: 'manual'
    readonly headers: Record<string, string>
    readonly body?: string
  },
) => Promise<Pick<Response, 'status' | 'headers' | 'text'>>

interface Cookie {
  readonly value: string
  readonly path: string
  readonly attributes: string
}

/** Headers that a browser sends when a person opens a page. */
export const NAVIGATION = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
}

export class WebClient {
  /** By host and name. */
  readonly cookies = new Map<string, Map<string, Cookie>>()
  /** Every URL that was requested. */
  readonly visited: string[] = []
  readonly #headers: Record<string, string>
  readonly #fetch: Fetch

  /** @param send sends the requests; default: `fetch` */
  constructor(headers: Record<string, string> = NAVIGATION, send: Fetch = fetch) {
    this.#headers = headers
    this.#fetch = send
  }

  /** Sends one request; redirects are not followed. */
  async get(url: string, headers: Record<string, string> = {}): Promise<Page> {
    return this.#send(url, 'GET', headers)
  }

  /** Follows redirects, up to 15. */
  async open(url: string, headers: Record<string, string> = {}): Promise<Page> {
    return this.#follow(await this.get(url, headers))
  }

  /** Submits a form, and follows redirects. */
  async post(
    url: string,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Page> {
    return this.#follow(await this.#send(url, 'POST', headers, new URLSearchParams(fields).toString()))
  }

  /** Submits the page's form number `index`, with these fields in addition to its hidden ones. */
  submit(page: Page, fields: Record<string, string> = {}, index = 0): Promise<Page> {
    const form = formsIn(page)[index]
    if (form === undefined) throw new Error(`no form ${index} at ${page.url}:\n${page.body}`)
    return this.post(
      new URL(form.action, page.url).href,
      { ...form.hidden, ...fields },
      { origin: new URL(page.url).origin },
    )
  }

  cookie(url: string, name: string): string | undefined {
    return this.cookies.get(new URL(url).host)?.get(name)?.value
  }

  setCookie(url: string, name: string, value: string): void {
    const { host } = new URL(url)
    const jar = this.cookies.get(host) ?? new Map<string, Cookie>()
    jar.set(name, { value, path: '/', attributes: '' })
    this.cookies.set(host, jar)
  }

  async #follow(page: Page): Promise<Page> {
    let now = page
    for (let hops = 0; now.status >= 300 && now.status < 400; hops++) {
      if (hops === 15) throw new Error(`redirect loop:\n${this.visited.slice(-15).join('\n')}`)
      now = await this.get(new URL(now.headers.get('location') as string, now.url).href)
    }
    return now
  }

  async #send(url: string, method: string, headers: Record<string, string>, body?: string): Promise<Page> {
    this.visited.push(url)
    const target = new URL(url)
    const jar = this.cookies.get(target.host) ?? new Map<string, Cookie>()
    this.cookies.set(target.host, jar)
    const cookie = [...jar]
      .filter(([, { path }]) => target.pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ')
    const response = await this.#fetch(url, {
      method,
      redirect: 'manual',
      headers: {
        ...this.#headers,
        ...(cookie === '' ? {} : { cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    })
    for (const line of response.headers.getSetCookie()) keep(jar, line)
    return { url, status: response.status, headers: response.headers, body: await response.text() }
  }
}

function keep(jar: Map<string, Cookie>, line: string): void {
  const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
  const equals = pair.indexOf('=')
  const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
  const isGone = attributes.some((attribute) => {
    const [key = '', text = ''] = attribute.split('=')
    if (/^max-age$/i.test(key)) return Number(text) <= 0
    return /^expires$/i.test(key) && Date.parse(text) <= Date.now()
  })
  const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? '/'
  if (isGone) jar.delete(name)
  else jar.set(name, { value, path, attributes: attributes.join('; ') })
}

interface Form {
  readonly action: string
  readonly hidden: Record<string, string>
}

export function formsIn({ body }: Page): Form[] {
  return [...body.matchAll(/<form[^>]*>[\s\S]*?<\/form>/g)].map(([form]) => ({
    action: unescapeHtml(/<form[^>]*\saction="([^"]*)"/.exec(form)?.[1] ?? ''),
    hidden: Object.fromEntries(
      [...form.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([input]) => [
        /name="([^"]*)"/.exec(input)?.[1] ?? '',
        unescapeHtml(/value="([^"]*)"/.exec(input)?.[1] ?? ''),
      ]),
    ),
  }))
}

const unescapeHtml = (text: string): string =>
  text
    .replaceAll('&quot;', '"')
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .replaceAll('&amp;', '&')
