// Servers to measure, and wrk to measure them with.
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

/** Starts nginx with one worker process and these servers. @returns its process ID */
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

/** Starts an nginx that answers every request with the same JSON, as a fast upstream. */
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
 * 16 connections, kept alive, that send one request after another for some seconds.
 * @returns requests a second, and how many it were
 */
function load(url, headers, seconds) {
  const args = ['-t1', '-c16', `-d${seconds}s`, ...headers.flatMap((header) => ['-H', header]), url]
  const text = String(spawnSync('wrk', args).stdout)
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(text)
  if (failed) throw new Error(`${url}: ${failed[1]} responses were no success`)
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]),
    requests: Number(/(\d+) requests in/.exec(text)?.[1]),
  }
}

/** Processor time that a process and its children have used, in microseconds (proc(5); a tick is 10 ms on Linux). */
function cpuOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean)
  const own = (Number(fields[11]) + Number(fields[12])) * 10_000
  return children.reduce((sum, child) => sum + cpuOf(child), own)
}

/**
 * Loads targets in turn, round after round, since the machine may be busy with other things. What is logged in and compiled at
 * first is not counted.
 * @param targets by name: `url`, `headers`, and the process `pid` whose processor time counts
 * @returns by name, a value for each round: requests a second, and processor time for each in microseconds
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
