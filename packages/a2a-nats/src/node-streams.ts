import { AgentwireError } from '@agentwire/core';
import type { Resolved } from '@agentwire/core/internal';
import { DiscardPolicy, JetStreamApiError, type JetStreamManager, type StreamConfig } from '@nats-io/jetstream';
import { type DurableStreamOptions, resolveDurableStreamOptions } from './backend-options.ts';
import { GatheredNames } from './gathered-names.ts';
import { isNoStream } from './nats-errors.ts';
import {
  cannotChange,
  type Difference,
  differences,
  loweredLimits,
  overLimits,
  settingsOf,
} from './stream-differences.ts';
import { type StreamKind, streamNames, StreamSettings, type WantedStream } from './stream-settings.ts';
import { Subjects } from './subjects.ts';

const MAX_INBOXES = 1000;
const ATTEMPTS = 10;
/** Subjects from which on a change of a stream may take seconds. */
const MANY_SUBJECTS = 200;

/**
 * The streams of one node, so that the server can keep nodes apart.
 *
 * The stream of inboxes takes only the subjects of inboxes that the node has opened: names that another node makes up
 * are not kept.
 */
export class NodeStreams {
  /** Name of the stream of what waits. */
  readonly inbox: string;
  /** Name of the stream of dead letters. */
  readonly dead: string;
  /** Name of the stream of what waits for its time. */
  readonly later: string;
  /** Tells whether there is a stream of delayed messages; nodes of an earlier version have none. */
  hasLater = false;
  readonly #manager: JetStreamManager;
  readonly #patient: JetStreamManager;
  readonly #subjects: Subjects;
  readonly #given: DurableStreamOptions;
  readonly #options: Resolved<DurableStreamOptions>;
  readonly #settings: StreamSettings;
  readonly #added = new GatheredNames(async (inboxes) => {
    await this.#settle(this.#settings.inbox(inboxes), 'inbox');
    await this.#settleLater(inboxes);
  });

  /** @param patient waits longer for the server than `manager` does */
  constructor(
    manager: JetStreamManager,
    patient: JetStreamManager,
    { prefix, nodeId }: { readonly prefix: string; readonly nodeId: string },
    options: DurableStreamOptions,
  ) {
    const names = streamNames(prefix, nodeId);
    const { inbox, dead, later } = names;
    this.inbox = inbox;
    this.dead = dead;
    this.later = later;
    this.#manager = manager;
    this.#patient = patient;
    this.#subjects = new Subjects(prefix, nodeId);
    this.#given = options;
    this.#options = resolveDurableStreamOptions(options);
    this.#settings = new StreamSettings(names, this.#subjects, this.#options);
  }

  /**
   * Finds the streams, makes those that are missing, and brings them to what was asked for; throws `ERR_INVALID_ARGUMENT` if that cannot be.
   *
   * A node that may not make streams and names no inbox needs none to send to those of others.
   */
  async prepare(): Promise<void> {
    const { create, inboxes } = this.#options;
    if (!create && inboxes.length === 0 && (await this.#find(this.inbox)) === undefined) return;
    await this.#settle(this.#settings.inbox(['', ...inboxes]), 'inbox');
    await this.#settle(this.#settings.dead(), 'dead');
    await this.#settleLater(['', ...inboxes]);
  }

  /**
   * Takes the subject of one inbox into the stream; throws `ERR_NO_INBOX` if it is not there and may not be made, `ERR_OVERLOADED` if there are
   * 1000 already.
   */
  async addInbox(name: string): Promise<void> {
    // a name that is no subject is refused before it is gathered with others.
    this.#settings.inbox([name]);
    await this.#added.add(name);
  }

  /** Messages that may wait for their time. */
  get maxDelayed(): number {
    return this.#options.maxDelayed;
  }

  async #settleLater(names: readonly string[]): Promise<void> {
    this.hasLater = this.#options.create || (await this.#find(this.later)) !== undefined;
    if (this.hasLater) await this.#settle(this.#settings.later(names), 'later');
  }

  /** Others of this name may do the same at this moment, so what came of it is looked at again. */
  async #settle(wanted: WantedStream, kind: StreamKind): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const found = await this.#find(wanted.name);
      // a stream of an earlier version may still take every name.
      const wide = !this.#options.create && found?.subjects.includes(this.#subjects.everyInbox()) === true;
      const missing = wide ? [] : wanted.subjects.filter((subject) => found?.subjects.includes(subject) !== true);
      const differing = found === undefined ? [] : differences(this.#given, found, wanted, kind);
      if (found !== undefined && missing.length === 0 && differing.length === 0) return;
      if (!this.#options.create) {
        if (found === undefined || missing.length > 0) throw this.#notThere(wanted.name);
        throw cannotChange(differing, found, wanted);
      }
      if (attempt > ATTEMPTS) throw cannotChange(differing, found, wanted);
      await this.#apply(found, missing, wanted, differing);
    }
  }

  async #apply(
    found: StreamConfig | undefined,
    missing: string[],
    wanted: WantedStream,
    differing: Difference[],
  ): Promise<void> {
    const keptOpen = found?.subjects.filter((subject) => !this.#tooWide(subject)) ?? [];
    const subjects = [...keptOpen, ...missing];
    // two for each inbox, and the one of the empty name.
    if (subjects.length > 2 * MAX_INBOXES + 1)
      throw new AgentwireError('ERR_OVERLOADED', `this node has ${MAX_INBOXES} durable inboxes already`);
    if (found !== undefined && wanted.discard === DiscardPolicy.New) await this.#checkRoom(found, wanted, differing);
    try {
      const { streams } = subjects.length > MANY_SUBJECTS ? this.#patient : this.#manager;
      if (found === undefined) await streams.add({ ...wanted, subjects });
      else await streams.update(wanted.name, { ...found, ...settingsOf(differing, wanted), subjects });
    } catch (error) {
      if (error instanceof JetStreamApiError && differing.length > 0)
        throw cannotChange(differing, found, wanted, error);
      throw error;
    }
  }

  /** A server drops what is over a limit that is lowered, so what was accepted would be lost: that is refused while it waits. */
  async #checkRoom(found: StreamConfig, wanted: WantedStream, differing: readonly Difference[]): Promise<void> {
    const lowered = loweredLimits(differing, found, wanted);
    if (lowered.size === 0) return;
    const { state } = await this.#manager.streams.info(wanted.name, { subjects_filter: '>' });
    const over = overLimits(lowered, state);
    if (over !== undefined) throw cannotChange(differing, found, wanted, over);
  }

  /** Earlier versions took every name. */
  #tooWide(subject: string): boolean {
    return subject === this.#subjects.everyInbox();
  }

  async #find(name: string): Promise<StreamConfig | undefined> {
    try {
      return (await this.#manager.streams.info(name)).config;
    } catch (error) {
      if (isNoStream(error)) return undefined;
      throw error;
    }
  }

  #notThere(stream: string): AgentwireError {
    return new AgentwireError(
      'ERR_NO_INBOX',
      `stream ${stream} is not there, or not for this inbox, and create is false; let a user with the right to it make it with durable.inboxes`,
    );
  }
}
