/** What can be said of who asks, in the names of clouds.yaml's `auth` section. */
export const authNames = [
  'auth_type',
  'auth_url',
  'token',
  'username',
  'user_id',
  'password',
  'project_id',
  'project_name',
  'user_domain_id',
  'user_domain_name',
  'project_domain_id',
  'project_domain_name',
  'domain_id',
  'application_credential_id',
  'application_credential_name',
  'application_credential_secret',
] as const

export type AuthName = (typeof authNames)[number]

/** Absent: not said. */
export type AuthFields = Readonly<Partial<Record<AuthName, string>>>
