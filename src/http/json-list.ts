/** The values, comma between them, as pieces of a JSON array without its brackets. */
export async function* jsonItems<T>(
  values: AsyncIterable<T> | Iterable<T>,
  textOf: (value: T) => string,
): AsyncGenerator<string, void, undefined> {
  let separator = ''
  for await (const value of values) {
    yield separator + textOf(value)
    separator = ', '
  }
}
