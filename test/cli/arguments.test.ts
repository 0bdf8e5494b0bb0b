import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readArguments } from '../../src/cli/arguments.ts'
import { UsageError } from '../../src/cli/errors.ts'
import type { OptionKey } from '../../src/cli/options.ts'

const value = (argv: string[], key: OptionKey, env = {}) => readArguments(argv, env).value(key)

test('options stand before, behind and between the words', () => {
  const read = readArguments(['-f', 'queue-image', '--host=there', 'a', '-vp', '80', 'b', '--', '-c'], {})
  assert.deepEqual(read.words, ['queue-image', 'a', 'b', '-c'])
  assert.deepEqual([read.value('host'), read.value('port')], ['there', '80'])
  assert.deepEqual([read.has('force'), read.has('verbose'), read.has('debug')], [true, true, false])
})

for (const [argv, key] of [
  [['-H', 'x'], 'host'],
  [['-Hx'], 'host'],
  [['--host', 'x'], 'host'],
  [['--hos=x'], 'host'],
  [['-A', 'x'], 'os-token'],
  [['--os-auth-token', 'x'], 'os-token'],
  [['--os_auth_token=x'], 'os-token'],
  [['--auth_token', 'x'], 'os-token'],
  [['-I', 'x'], 'os-username'],
  [['--os_username', 'x'], 'os-username'],
  [['-K', 'x'], 'os-password'],
  [['-R', 'x'], 'os-region-name'],
  [['--os_project_id', 'x'], 'os-project-id'],
  [['-T', 'x'], 'os-project-name'],
  [['-N', 'x'], 'os-auth-url'],
  [['--os_auth_url', 'x'], 'os-auth-url'],
  [['-S', 'x'], 'os-auth-strategy'],
  [['--os_auth_strategy', 'x'], 'os-auth-strategy'],
  [['--os-application-credential-i', 'x'], 'os-application-credential-id'],
  [['-H', 'y', '--host', 'x'], 'host'],
] as const) {
  test(`${argv.join(' ')} gives ${key}`, () => assert.equal(value([...argv], key), 'x'))
}

test('what follows an equals sign is the value, whatever it looks like', () => {
  assert.equal(value(['--os-password=-f'], 'os-password'), '-f')
  assert.equal(value(['--os-password=a=b\nc'], 'os-password'), 'a=b\nc')
  assert.equal(value(['--os-pass=--force'], 'os-password'), '--force')
})

test('the environment has the word where the command line says nothing; empty says nothing', () => {
  const env = { OS_AUTH_TOKEN: '', OS_TOKEN: 'env', OS_AUTH_USER: 'old', OS_USERNAME: 'new', OS_HOST: 'no' }
  assert.equal(value([], 'os-token', env), 'env')
  assert.equal(value(['-A', 'argv'], 'os-token', env), 'argv')
  assert.equal(value([], 'os-username', env), 'new')
  assert.equal(value([], 'host', env), undefined)
  assert.equal(readArguments([], env).given('os-token'), undefined)
})

test('an option that may be repeated keeps all of its values in order', () => {
  assert.deepEqual(readArguments(['--config-file', 'a', '--config-file=b'], {}).all('config-file'), ['a', 'b'])
})

for (const [argv, message] of [
  [['--foo'], /^unrecognized arguments: --foo$/],
  [['-x'], /^unrecognized arguments: -x$/],
  [['list-cached', '--host'], /^argument -H\/--host: expected one argument$/],
  [['--os-password', '--force'], /^argument -K\/--os-password: expected one argument$/],
  [['--force=yes'], /^argument -f\/--force: ignored explicit argument$/],
  [['--os-user', 'x'], /^ambiguous option: --os-user could match --os-username, --os-user-id, --os-user-domain-id/],
] as const) {
  test(`${argv.join(' ')} is wrong usage`, () => {
    assert.throws(
      () => readArguments(argv, {}),
      (error) => error instanceof UsageError && message.test(error.message),
    )
  })
}
