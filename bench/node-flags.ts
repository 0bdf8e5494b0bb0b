/** What Node runs the server with, in every way to start it: the first line of src/api.ts has them too. */
export const nodeFlags = ['--max-semi-space-size=4', '--heap-growing-percent=20', '--no-maglev']
