import type { IncomingMessage, ServerResponse } from 'node:http';

/** What answers some requests in the place of a server, as they come from the network. */
export interface Intercept {
  takes(request: IncomingMessage): boolean;
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
}
