/** Unix milliseconds as UTC without a zone, to the second. */
export function utc(ms: number): string {
  return utcOfSeconds(Math.floor(ms / 1000))
}

/** Unix seconds as UTC in Python's form, in which Glance shows times: microseconds only when there are any. */
export function utcOfSeconds(seconds: number): string {
  let whole = Math.floor(seconds)
  let micros = Math.round((seconds - whole) * 1_000_000)
  if (micros === 1_000_000) [whole, micros] = [whole + 1, 0]
  const date = new Date(whole * 1000)
  if (Number.isNaN(date.getTime())) return 'N/A'
  const text = date.toISOString().slice(0, 19)
  return micros === 0 ? text : `${text}.${String(micros).padStart(6, '0')}`
}

/** `1.5 GiB`; whole bytes below 1 KiB. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let [value, unit] = [count, 0]
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1]
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** `45s`, `3m20s`, `2h05m`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  if (hours > 0) return `${hours}h${String(minutes).padStart(2, '0')}m`
  return minutes > 0 ? `${minutes}m${String(rest).padStart(2, '0')}s` : `${rest}s`
}
