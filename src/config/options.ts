import { boolean, choice, float, host, integer, type Kind, list, path, port, size, string, url } from './kinds.ts'
import { isLoopback } from './loopback.ts'
import { osloCacheOptions } from './oslo-cache-options.ts'

/** A default that depends on the place or on another option; `text` says it in the documents. */
export type DerivedDefault = Readonly<{ text: string; from: (situation: Situation) => string }>

export type Situation = Readonly<{
  /** True when the program runs from its build, false in a checkout. */
  installed: boolean
  /** What another option is set to, '' when it is not. */
  textOf: (group: string, name: string) => string
}>

export type Option = Readonly<{
  kind: Kind<unknown>
  /** As it would be written in a file. Without one the option may be left unset, and an empty value unsets it. */
  default?: string | DerivedDefault
  /** One line, without a full stop at its end. */
  help: string
  /** Never printed. */
  secret?: true
  /** Values that look right but are not for us, in lower case, and what to do instead. */
  refused?: Readonly<Record<string, string>>
}>

export type Group = Readonly<{
  help: string
  /** True for a group of our own: an unknown option is an error. In DEFAULT, which is Glance's too, it is ignored. */
  ours: boolean
  /** Options of other programs that live in a group of this name, and are ignored. */
  foreign?: readonly string[]
  options: Readonly<Record<string, Option>>
}>

/** A Glance may stand behind a proxy on this machine, and then everybody comes from loopback. */
function managementAuth({ textOf }: Situation): string {
  if (textOf('keystone', 'auth_url') !== '') return 'keystone'
  if (textOf('origin', 'type') === 'glance') return 'disabled'
  const hosts = [textOf('DEFAULT', 'bind_host') || '127.0.0.1', textOf('management', 'bind_host') || '127.0.0.1']
  return hosts.every(isLoopback) ? 'none' : 'disabled'
}

/**
 * Every option there is. Parsing, the environment, flags, --help, --print-config, the documents and the type of the
 * configuration all come from this table. DEFAULT has Glance's and oslo.service's names.
 */
export const optionTable = {
  DEFAULT: {
    ours: false,
    help: 'The image API and the cache; an existing glance-api.conf has these options already',
    options: {
      bind_host: { kind: host, default: '127.0.0.1', help: 'Address on which the image API listens' },
      bind_port: { kind: port, default: '9292', help: 'Port on which the image API listens' },
      workers: {
        kind: integer({ min: 0 }),
        default: '1',
        help: 'Processes that serve the image API together from one address and one cache; 0, like 1: one process',
      },
      image_cache_dir: {
        kind: path,
        default: {
          text: '`/var/lib/afterimage/cache` when installed, `var/cache` in a checkout',
          from: ({ installed }) => (installed ? '/var/lib/afterimage/cache' : 'var/cache'),
        },
        help: "Directory of the cache; Glance's layout, so that a cache can be taken over from it",
      },
      image_cache_driver: {
        kind: choice('sqlite', 'xattr'),
        default: 'sqlite',
        help: 'Where metadata of cached images is kept: a database in the cache directory, or attributes of its files',
        refused: {
          centralized_db:
            "that is Glance's database, which Afterimage does not use: override it with --image-cache-driver=sqlite" +
            ' or OS_DEFAULT__IMAGE_CACHE_DRIVER=sqlite',
        },
      },
      image_cache_max_size: { kind: size, default: '10737418240', help: 'Bytes that cached images may take' },
      image_cache_stall_time: {
        kind: integer({ min: 0 }),
        default: '86400',
        help: 'Seconds after which an incomplete image that nobody works on is removed by the cleaner; 0: at once',
      },
      image_cache_sqlite_db: {
        kind: string,
        default: 'cache.db',
        help: 'Database of the sqlite driver: a file name inside image_cache_dir, or an absolute path',
      },
      log_level: {
        kind: choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
        default: 'info',
        help: 'Least severe messages that are logged',
      },
      graceful_shutdown_timeout: {
        kind: integer({ min: 0, max: 86400 }),
        default: '60',
        help: 'Seconds that running downloads are given to finish after SIGTERM; 0 waits without end',
      },
    },
  },
  origin: {
    ours: true,
    help: 'The image store in front of which Afterimage stands',
    options: {
      type: {
        kind: choice('glance', 'directory'),
        default: {
          text: '`glance` if there is a `url`, else `directory`',
          from: ({ textOf }) => (textOf('origin', 'url') === '' ? 'directory' : 'glance'),
        },
        help: "An image service that speaks Glance's v2 API, or a directory of image files",
      },
      url: { kind: url, help: 'Endpoint of the image service, without /v2' },
      path: {
        kind: path,
        default: {
          text: '`/var/lib/afterimage/images` when installed, `var/images` in a checkout',
          from: ({ installed }) => (installed ? '/var/lib/afterimage/images' : 'var/images'),
        },
        help: 'Directory of image files, for type directory',
      },
      cafile: { kind: path, help: 'Certificate authorities (PEM) that the image service is checked against' },
      insecure: { kind: boolean, default: 'false', help: "Do not check the image service's certificate" },
      connect_timeout: {
        kind: float({ min: 0.1, max: 86400 }),
        default: '10',
        help: 'Seconds until a connection to the image service has to stand',
      },
      idle_timeout: {
        kind: float({ min: 0.1, max: 86400 }),
        default: '60',
        help: 'Seconds without a byte after which a transfer from the image service has failed; none has a total limit, but for short answers (records, refusals), which must be whole within this time',
      },
    },
  },
  keystone: {
    ours: true,
    help: "The cache's own credentials; all of auth_url, username, password and project_name, or auth_url alone",
    options: {
      auth_url: { kind: url, help: 'Endpoint of Keystone' },
      username: { kind: string, help: "Name of the cache's user" },
      password: { kind: string, secret: true, help: "Password of the cache's user" },
      project_name: { kind: string, help: "Project of the cache's user" },
      user_domain_id: { kind: string, default: 'default', help: 'Domain of the user' },
      project_domain_id: { kind: string, default: 'default', help: 'Domain of the project' },
      cafile: { kind: path, help: 'Certificate authorities (PEM) that Keystone is checked against' },
      insecure: { kind: boolean, default: 'false', help: "Do not check Keystone's certificate" },
    },
  },
  authorization: {
    ours: true,
    help: 'Who may read: the image service decides',
    options: {
      ttl: {
        kind: float({ min: 0, max: 86400 }),
        default: '30',
        help: 'Seconds for which its yes for one token and one image may be reused; 0 asks it every time',
      },
    },
  },
  cache: {
    ours: true,
    foreign: osloCacheOptions,
    help: 'What is cached, and how',
    options: {
      limit: {
        kind: choice('soft', 'hard'),
        default: 'soft',
        help: 'soft: image_cache_max_size may be passed until the cache is pruned, as in Glance; hard: it never is',
      },
      min_free_space: {
        kind: size,
        default: '1073741824',
        help: "Bytes that are always left free on the cache's file system",
      },
      hold_back: {
        kind: boolean,
        default: 'true',
        help: 'Keep the last bytes of an image back until the whole is proven against its digest',
      },
      range_miss: {
        kind: choice('pass', 'fill'),
        default: 'pass',
        help: 'A range of an image that is not cached: only pass it on, or also cache the image in the background',
      },
      max_fills: {
        kind: integer({ min: 1 }),
        default: '16',
        help: 'Images that may be received at the same time; more are passed through without caching',
      },
      prefetch_concurrency: {
        kind: integer({ min: 1 }),
        default: '4',
        help: 'Queued images that are fetched at the same time',
      },
      prefetch_interval: {
        kind: integer({ min: 0 }),
        default: '0',
        help: 'Seconds between two looks of the server into the queue; 0: only afterimage-cache-prefetcher and PUT /v2/cache fetch',
      },
      prune_interval: {
        kind: integer({ min: 0 }),
        default: '0',
        help: 'Seconds between two prunes by the server; 0: only afterimage-cache-pruner and POST /v2/cache/prune do',
      },
      verify_interval: {
        kind: integer({ min: 0 }),
        default: '0',
        help: 'Seconds within which the server reads and proves every cached image again; 0: never',
      },
      verify_rate: {
        kind: size,
        default: '100M',
        help: 'Bytes per second at which it reads for that at most',
      },
    },
  },
  management: {
    ours: true,
    help: "Managing the cache, and the operator's listener: /metrics, /api/v1",
    options: {
      auth: {
        kind: choice('keystone', 'none', 'disabled'),
        default: {
          text: '`keystone` if `[keystone] auth_url` is set; else `none` for a directory of images if both listeners are on loopback addresses; else `disabled`',
          from: managementAuth,
        },
        help: 'Who may manage the cache: who has an admin role by the word of Keystone, everybody, or nobody (404)',
      },
      admin_roles: { kind: list, default: 'admin', help: 'Roles of which one is needed to manage the cache' },
      cached_images_api: {
        kind: boolean,
        default: 'true',
        help: 'Answer the old endpoints too: /v2/cached_images and /v2/queued_images',
      },
      bind_host: { kind: host, default: '127.0.0.1', help: "Address on which the operator's listener listens" },
      bind_port: { kind: port, default: '9293', help: "Port on which the operator's listener listens" },
    },
  },
} as const satisfies Readonly<Record<string, Group>>
