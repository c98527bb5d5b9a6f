/**
 * Makes a closed reader of standard output or standard error no error: the process goes on to its end, and what it
 * still writes there is dropped. A reader such as `head` leaves when it has seen enough. Any other error of the two
 * streams is thrown from there.
 */
export function tolerateClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}
