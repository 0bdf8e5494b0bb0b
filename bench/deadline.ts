import { setTimeout as sleep } from 'node:timers/promises'

/** Asks every 20 ms until `probe` says yes. Rejects after `seconds`, naming what was waited for. */
export async function waitUntil(label: string, seconds: number, probe: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (!(await probe())) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain for ${label}`)
    await sleep(20)
  }
}
