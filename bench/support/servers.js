// Starts the servers to measure, and measures them with wrk.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const HTGATE = fileURLToPath(new URL('../../bin/htgate.js', import.meta.url))

const children = []

/** Starts a program that runs until `stopServers`. @returns its process ID */
export function start(command, args, env = {}) {
  const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } })
  children.push(child)
  return child.pid
}

export async function stopServers() {
  for (const child of children) child.kill('SIGTERM')
  await sleep(500)
}

/** Waits until something listens on `port`. */
export async function whenListening(port) {
  while (!(await accepts(port))) await sleep(50)
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

/** Starts nginx with one worker process and the given server blocks. @returns its process ID */
export function startNginx(folder, name, servers) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (each) => `${each}_temp_path ${folder};`,
  )
  writeFileSync(
    `${name}.conf`,
    `daemon off;
    worker_processes 1;
    pid ${folder}/${name}.pid;
    error_log ${folder}/${name}.log;
    events { worker_connections 1024; }
    http {
      access_log off;
      keepalive_requests 10000000;
      ${temporary.join(' ')}
      ${servers}
    }`,
  )
  return start('nginx', ['-c', join(folder, `${name}.conf`), '-p', folder])
}

/** Starts an nginx that responds to every request with the same JSON, as a fast upstream. */
export function startUpstream(folder, port) {
  return startNginx(
    folder,
    'upstream',
    `server {
      listen 127.0.0.1:${port};
      default_type application/json;
      location / { return 200 '{"experiments":[{"experiment_id":"0","name":"Default","lifecycle_stage":"active"}]}'; }
    }`,
  )
}

/**
 * Sends requests over 16 persistent connections for some seconds.
 * @returns requests per second, and their number
 */
function load(url, headers, seconds) {
  const args = ['-t1', '-c16', `-d${seconds}s`, ...headers.flatMap((header) => ['-H', header]), url]
  const text = String(spawnSync('wrk', args).stdout)
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(text)
  if (failed) throw new Error(`${url}: ${failed[1]} failed responses`)
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]),
    requests: Number(/(\d+) requests in/.exec(text)?.[1]),
  }
}

/** CPU time of a process and its children in microseconds (proc(5); a tick is 10 ms on Linux). */
function cpuOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean)
  const own = (Number(fields[11]) + Number(fields[12])) * 10_000
  return children.reduce((sum, child) => sum + cpuOf(child), own)
}

/**
 * Loads targets in turn, in several rounds, so that other load on the machine affects all of them equally. A warm-up, with the
 * first logins and compilations, does not count.
 * @param targets by name: `url`, `headers`, and the `pid` of the process whose CPU time counts
 * @returns by name, values per round: requests per second, and CPU time per request in microseconds
 */
export async function loadInTurns(targets, { rounds, seconds, afterRound = () => {} }) {
  const entries = Object.entries(targets)
  const rates = Object.fromEntries(entries.map(([name]) => [name, []]))
  const costs = Object.fromEntries(entries.map(([name]) => [name, []]))
  for (const [, { url, headers }] of entries) load(url, headers, seconds)
  for (let round = 0; round < rounds; round++) {
    for (const [name, { url, headers, pid }] of entries) {
      const before = cpuOf(pid)
      const { rate, requests } = load(url, headers, seconds)
      rates[name].push(rate)
      costs[name].push((cpuOf(pid) - before) / requests)
    }
    await afterRound()
  }
  return { rates, costs }
}
