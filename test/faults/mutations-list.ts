/** One protection, how it is turned off, and the test that must notice. */
export type Mutation = Readonly<{
  protection: string
  file: string
  /** Occurs exactly once in the file. */
  piece: string
  instead: string
  test: string
  /** Only tests of this name, where the file has others that take long. */
  name?: string
}>

/** Every protection that has a switch here. Kept by hand: a piece that is not found any more fails the run. */
export const mutations: readonly Mutation[] = [
  {
    protection: 'fsync of the directory: a committed name survives a power loss',
    file: 'src/cache/files.ts',
    piece: 'await syncDirectory(layout.dir)',
    instead: '',
    test: 'test/cache/commit-order.test.ts',
  },
  {
    protection: 'fsync of the data before the name',
    file: 'src/cache/commit.ts',
    piece: 'await owned.handle.sync()',
    instead: '',
    test: 'test/cache/commit-order.test.ts',
  },
  {
    protection: 'facts before the fsync that makes them durable',
    file: 'src/cache/commit.ts',
    piece: 'await driver.prepare(owned.id, path, facts)',
    instead: '',
    test: 'test/cache/commit-order.test.ts',
  },
  {
    protection: 'hold-back: the last bytes wait for the proof',
    file: 'src/cache/growing-file.ts',
    piece: 'return this.#proven || !this.#options.holdBack ? end : end - heldBackBytes',
    instead: 'return end',
    test: 'test/proxy/hostile-upstream.test.ts',
  },
  {
    protection: 'hold-back of those who follow another process’s fill',
    file: 'src/cache/foreign-fill.ts',
    piece: 'return Math.min(progress.watermark, tools.holdBack ? end - heldBackBytes : end)',
    instead: 'return Math.min(progress.watermark, end)',
    test: 'test/cache/foreign-fill.test.ts',
  },
  {
    protection: 'the lock on incomplete/<id>: one writer among all processes',
    file: 'src/cache/files.ts',
    piece: `if (!tryLockExclusive(handle.fd)) {
          await handle.close()`,
    instead: `if (false) {
          await handle.close()`,
    test: 'test/cache/files.test.ts',
  },
  {
    protection: 'the look after the lock: does the name still mean the locked file?',
    file: 'src/cache/files.ts',
    piece: 'if (named?.ino === mine.ino) return { id,',
    instead: 'return { id,',
    test: 'test/cache/takeover.test.ts',
  },
  {
    protection: 'the reader’s lock: what is being read is not removed',
    file: 'src/cache/files.ts',
    piece: 'locked = !tryLockShared(handle.fd)',
    instead: 'locked = false',
    test: 'test/cache/files.test.ts',
  },
  {
    protection: 'the lock for space: one sum and one reservation at a time',
    file: 'src/cache/exclusive.ts',
    piece: 'while (!tryLockExclusive(fd)) {',
    instead: 'while (false) {',
    test: 'test/cache/space.test.ts',
  },
  {
    protection: 'the digest of the whole image is compared',
    file: 'src/cache/fill.ts',
    piece: 'if (found !== expected) throw',
    instead: 'if (false) throw',
    test: 'test/proxy/hostile-upstream.test.ts',
  },
  {
    protection: 'no more bytes than declared',
    file: 'src/cache/receive.ts',
    piece: 'if (growing.received + bytes.length > record.size) {',
    instead: 'if (false) {',
    test: 'test/proxy/hostile-upstream.test.ts',
  },
  {
    protection: 'no fewer bytes than declared',
    file: 'src/cache/receive.ts',
    piece: 'while (growing.received < record.size) {',
    instead: 'for (let once = 0; once < 1; once++) {',
    test: 'test/proxy/hostile-upstream.test.ts',
  },
  {
    protection: 'the length of the file that is committed',
    file: 'src/cache/commit.ts',
    piece: 'if (length !== size) throw',
    instead: 'if (false) throw',
    test: 'test/cache/commit-length.test.ts',
  },
  {
    protection: 'range identity: the rest must be of the same image',
    file: 'src/cache/receive.ts',
    piece: '      contradiction(download, record)\n',
    instead: '',
    test: 'test/proxy/resumed.test.ts',
  },
  {
    protection: 'without a digest a fill goes on only while the record is the same',
    file: 'src/cache/receive.ts',
    piece: 'if (answer.record.size !== record.size || answer.record.updatedAt !== record.updatedAt) {',
    instead: 'if (false) {',
    test: 'test/proxy/hostile-upstream.test.ts',
    name: 'rule 4',
  },
  {
    protection: 'what was left over is gone on with for the same image only',
    file: 'src/cache/miss.ts',
    piece: '(leftOver.hashValue === record.hashValue && leftOver.md5 === record.md5)',
    instead: 'true',
    test: 'test/proxy/left-overs.test.ts',
  },
  {
    protection: 'authorization on a hit',
    file: 'src/http/download-exchange.ts',
    piece: `const answer = await this.#mayRead()
      if (answer.kind === 'refusal') return this.#refuse(answer)
      if (differs(`,
    instead: `const answer = { kind: 'granted', identity: hit.facts, remembered: true } as const
      if (differs(`,
    test: 'test/proxy/authority.test.ts',
  },
  {
    protection: 'authorization on join',
    file: 'src/http/download-exchange.ts',
    piece: `async #join(outcome: Promise<Outcome>): Promise<boolean> {
    const answer = await this.#mayRead()
    if (answer.kind === 'refusal') return this.#refuse(answer)`,
    instead: `async #join(outcome: Promise<Outcome>): Promise<boolean> {
    const answer = { kind: 'granted', identity: { size: undefined, md5: undefined } } as const`,
    test: 'test/proxy/authority.test.ts',
  },
  {
    protection: 'the copy is compared with what the store says it is now',
    file: 'src/http/download-exchange.ts',
    piece: 'if (differs(answer.identity, hit.facts)) {',
    instead: 'if (false) {',
    test: 'test/proxy/authority.test.ts',
  },
  {
    protection: 'a change voids every yes',
    file: 'src/origin/permissions.ts',
    piece: 'for (const key of this.#byImage.get(id) ?? []) this.#remembered.delete(key)',
    instead: '',
    test: 'test/proxy/authority.test.ts',
  },
  {
    protection: 'an answer to a question of before a change is not kept',
    file: 'src/origin/permissions.ts',
    piece: 'if (key === undefined || generation !== this.#generation) return',
    instead: 'if (key === undefined) return',
    test: 'test/origin/permissions.test.ts',
  },
  {
    protection: 'DELETE forbids the commit of what is arriving',
    file: 'src/cache/cache.ts',
    piece: 'await flight.fill?.forbid()',
    instead: '',
    test: 'test/proxy/authority.test.ts',
  },
  {
    protection: 'a DELETE between the rename and the row leaves no row',
    file: 'src/cache/cache.ts',
    piece: "const isGhost = outcome === 'committed' && flight.deleted",
    instead: 'const isGhost = false',
    test: 'test/cache/deleted-while-committing.test.ts',
  },
  {
    protection: 'the sole-token rule: no yes for who shows more than a token',
    file: 'src/http/sole-token.ts',
    piece: 'else if (otherCredentials.test(name)) return undefined',
    instead: 'else if (false) return undefined',
    test: 'test/http/sole-token.test.ts',
  },
  {
    protection: 'somebody else’s 404 evicts nothing',
    file: 'src/cache/cache.ts',
    piece: 'if (own === undefined) return\n',
    instead: 'if (own === undefined) return void (await this.space.evict(id, "gone-upstream", true))\n',
    test: 'test/proxy/authority.test.ts',
  },
  {
    protection: 'the boot id in a fill’s record: unsynced bytes do not outlive a reboot',
    file: 'src/cache/fill-record.ts',
    piece: 'record.progress.bootId === bootId ? file.size',
    instead: 'true ? file.size',
    test: 'test/cache/fill-record.test.ts',
  },
  {
    protection: 'a record belongs to one file',
    file: 'src/cache/fill-record.ts',
    piece: 'if (record.facts.inode !== file.inode) return 0',
    instead: '',
    test: 'test/cache/fill-record.test.ts',
  },
  {
    protection: 'facts belong to one file: its inode',
    file: 'src/cache/hit.ts',
    piece: 'facts.inode === stats.ino &&',
    instead: '',
    test: 'test/proxy/foreign-files.test.ts',
  },
  {
    protection: 'facts belong to one state of the file: its modification time',
    file: 'src/cache/hit.ts',
    piece: 'facts.size === stats.size &&\n  facts.modifiedAt === Math.round(stats.mtimeMs)',
    instead: 'facts.size === stats.size',
    test: 'test/proxy/foreign-files.test.ts',
  },
  {
    protection: 'what is cut off is cut off by a reset',
    file: 'src/origin/upstream/cut-off.ts',
    piece: 'socket?.resetAndDestroy()',
    instead: 'socket?.end()',
    test: 'test/proxy/cut-off.test.ts',
  },
  {
    protection: 'a clock that is set back makes no yes live longer',
    file: 'src/origin/permissions.ts',
    piece: 'now: () => number = () => performance.now()',
    instead: 'now: () => number = Date.now',
    test: 'test/faults/kill/clock-promises.faults.ts',
    name: 'a yes is remembered; the clock jumps a year backwards, sqlite',
  },
  {
    protection: 'metadata and disk are brought together at start',
    file: 'src/start-server.ts',
    piece: 'place.leads ? await reconcile({ layout, files, driver, space: cache.space, events }) : {}',
    instead: 'place.leads ? {} : await reconcile({ layout, files, driver, space: cache.space, events })',
    test: 'test/proxy/foreign-files.test.ts',
  },
]
