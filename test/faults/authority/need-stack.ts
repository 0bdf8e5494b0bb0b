/** Nothing here is skipped: without a real Keystone and Glance it fails, and says what is missing. */
if (process.env.STACK === undefined) throw new Error('set STACK: see test/stack/up.sh')
