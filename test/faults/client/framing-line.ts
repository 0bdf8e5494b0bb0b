import { declined, type FramingCase, host, passed, refused } from './framing-case.ts'

const ask = (line: string, fields = '', body = '') => `${line}\r\n${host}${fields}\r\n${body}`
const target = (text: string) => ask(`GET ${text} HTTP/1.1`)
const method = (name: string) => ask(`${name} /doubtful HTTP/1.1`)
const version = (text: string) => ask(`GET /doubtful ${text}`)

const [methods, targets, forms, versions, connections, upgrades] = [
  '3.1: method',
  '3.2: request target',
  '3.2: forms of the target',
  '2.3: version',
  '9.3: persistence',
  '9.8: other protocols',
]

/** Request lines, versions, and what is to become of the connection. */
export const framingOfLines: readonly FramingCase[] = [
  refused(methods, 'in lower case', method('get')),
  refused(methods, 'unknown', method('FOO')),
  refused(methods, 'with a character that it cannot have', method('G(T')),
  refused(methods, 'with NUL', method('G\0T')),
  refused(methods, 'of 5000 letters', method('G'.repeat(5000))),
  refused(methods, 'none', ask('/doubtful HTTP/1.1')),
  passed(methods, 'of WebDAV', method('PROPFIND')),
  passed(methods, 'TRACE', method('TRACE')),

  refused(targets, 'a blank in it', target('/doubt ful')),
  refused(targets, 'a tab before it', ask('GET\t/doubtful HTTP/1.1')),
  refused(targets, 'a tab after it', ask('GET /doubtful\tHTTP/1.1')),
  refused(targets, 'a blank after the version', ask('GET /doubtful HTTP/1.1 ')),
  refused(targets, 'NUL in it', target('/doubtful\0')),
  refused(targets, 'a control character in it', target('/doubtful\x01')),
  refused(targets, 'a CR in it', target('/doubt\rful')),
  refused(targets, 'DEL in it', target('/doubtful\x7f')),
  refused(targets, 'bytes above 127', target('/doubtful\xc3\xa9')),
  refused(targets, 'no slash', target('doubtful')),
  refused(targets, 'only a query', target('?doubtful')),
  refused(targets, 'a fragment', target('/doubtful#x')),
  refused(targets, '70 000 bytes long', target(`/${'a'.repeat(70_000)}`), 431),
  passed(targets, '60 000 bytes long', target(`/${'a'.repeat(60_000)}`), { target: `/${'a'.repeat(60_000)}` }),
  passed(targets, 'two blanks before it', target(' /doubtful')),
  passed(targets, 'characters that belong escaped', target('/doubtful"<>^`{|}'), { target: '/doubtful"<>^`{|}' }),
  passed(targets, 'a broken escape', target('/doubtful%zz%'), { target: '/doubtful%zz%' }),
  passed(targets, 'dots, slashes and escapes', target('//a/..%2f%2e%2e/.//doubtful;b?c=%00'), {
    target: '//a/..%2f%2e%2e/.//doubtful;b?c=%00',
  }),

  passed(forms, 'absolute', target('http://h/doubtful'), { fields: { host: 'h' } }),
  passed(forms, 'absolute, of another host', target('http://other:8080/doubtful'), {
    fields: { host: 'other:8080', 'x-forwarded-host': 'other:8080' },
  }),
  passed(forms, 'absolute, https', target('HTTPS://other/doubtful'), { fields: { host: 'other' } }),
  passed(forms, 'absolute, without a path', ask('POST http://h?a HTTP/1.1'), { target: '/?a' }),
  declined(forms, 'absolute, with a user', target('http://user:secret@other/doubtful')),
  declined(forms, 'absolute, without a host', target('http:///doubtful')),
  declined(forms, 'absolute, with a bad port', target('http://other:x/doubtful')),
  declined(forms, 'absolute, of another scheme', target('ftp://other/doubtful')),
  refused(forms, 'absolute, without a Host field', 'GET http://h/doubtful HTTP/1.1\r\n\r\n'),
  refused(forms, 'absolute, with backslashes', target('http:\\\\h\\doubtful')),
  refused(forms, 'authority', target('h:80')),
  declined(forms, 'asterisk, of OPTIONS', ask('OPTIONS * HTTP/1.1')),
  declined(forms, 'asterisk, of GET', target('*')),
  refused(forms, 'authority, of CONNECT', ask('CONNECT other:80 HTTP/1.1'), 0),
  refused(forms, 'a path, of CONNECT', ask('CONNECT /doubtful HTTP/1.1'), 0),
  refused(
    forms,
    'authority, of CONNECT with a body',
    ask('CONNECT other:80 HTTP/1.1', 'Content-Length: 3\r\n', 'abc'),
    0,
  ),

  refused(versions, '0.9, a line alone', 'GET /doubtful\r\n'),
  refused(versions, '0.9, named', version('HTTP/0.9'), 505),
  refused(versions, '1.2', version('HTTP/1.2')),
  refused(versions, '1.10', version('HTTP/1.10')),
  refused(versions, '2.0', version('HTTP/2.0'), 505),
  refused(versions, '3.0', version('HTTP/3.0')),
  refused(versions, '01.1', version('HTTP/01.1')),
  refused(versions, 'in lower case', version('http/1.1')),
  refused(versions, 'with a comma', version('HTTP/1,1')),
  refused(versions, 'without its end', version('HTTP/1.')),
  refused(versions, 'with a blank inside', version('HTTP /1.1')),
  passed(versions, '1.0 of another protocol', version('RTSP/1.0'), { goesOn: false }),
  refused(versions, 'the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  refused(versions, 'the greeting of TLS', `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'a'.repeat(512)}`),

  passed(connections, 'bytes behind Connection: close', ask('GET /doubtful HTTP/1.1', 'Connection: close\r\n'), {
    goesOn: false,
  }),
  passed(connections, 'bytes behind a request of HTTP/1.0', version('HTTP/1.0'), { goesOn: false }),
  passed(connections, 'HTTP/1.0 that keeps alive', ask('GET /doubtful HTTP/1.0', 'Connection: keep-alive\r\n')),
  passed(
    connections,
    'HTTP/1.0 that keeps alive and closes',
    ask('GET /doubtful HTTP/1.0', 'Connection: keep-alive, close\r\n'),
    { goesOn: false },
  ),
  passed(
    connections,
    'HTTP/1.1 that keeps alive and closes',
    ask('GET /doubtful HTTP/1.1', 'Connection: keep-alive, close\r\n'),
    { goesOn: false },
  ),

  passed(
    upgrades,
    'Upgrade to a web socket',
    ask('GET /doubtful HTTP/1.1', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'),
    {
      fields: { upgrade: null },
      goesOn: false,
    },
  ),
  passed(
    upgrades,
    'Upgrade to h2c',
    ask(
      'GET /doubtful HTTP/1.1',
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n',
    ),
    {
      fields: { upgrade: null, 'http2-settings': null },
      goesOn: false,
    },
  ),
  passed(
    upgrades,
    'Upgrade with a body',
    ask('POST /doubtful HTTP/1.1', 'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n', 'abc'),
    {
      fields: { upgrade: null },
      body: 'abc',
      goesOn: false,
    },
  ),
  passed(upgrades, 'Upgrade that Connection does not name', ask('GET /doubtful HTTP/1.1', 'Upgrade: websocket\r\n'), {
    fields: { upgrade: null },
    goesOn: false,
  }),
]
