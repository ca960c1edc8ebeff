/** The value of an `Authorization` header. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

/** The status of the response to a GET with these credentials. */
export async function statusFor(url: string, user: string, password: string): Promise<number> {
  const response = await fetch(url, { headers: { authorization: basic(user, password) }, redirect: 'manual' })
  await response.arrayBuffer()
  return response.status
}
