import { answerDeadlineMs, type ReadMode, unlockAll } from './read-mode.ts';
import type { Session } from './session.ts';
import {
  type ServerFeatures,
  type StatementSettings,
  serverFeatures,
  transactionScript,
} from './transaction-script.ts';

/** Each statement is in a transaction of its own. */
export class StatementMode implements ReadMode {
  readonly fault = undefined;
  readonly #timeZone: string;
  readonly #defaults: StatementSettings;
  #features: ServerFeatures | undefined;

  constructor(timeZone: string, defaults: StatementSettings) {
    this.#timeZone = timeZone;
    this.#defaults = defaults;
  }

  async prepare(session: Session): Promise<void> {
    this.#features ??= await serverFeatures(session, answerDeadlineMs(this.#defaults));
  }

  async enter(session: Session, settings: StatementSettings): Promise<void> {
    const statements = transactionScript({
      isolation: 'read committed',
      timeZone: this.#timeZone,
      features: this.#features as ServerFeatures,
      settings,
    });
    const [row] = await session.script(statements, answerDeadlineMs(settings));
    session.pid = Number(row?.pid);
  }

  async leave(session: Session): Promise<void> {
    await session.script(['rollback', unlockAll], answerDeadlineMs(this.#defaults));
  }

  async close(): Promise<void> {}
}
