import {
  type Asked,
  hasRoom,
  inARowAfter,
  type Lane,
  streamOf,
  type Turn,
  turnOf,
  type Waiter,
} from './decide/fair.js';
import { EngineRoom, type EngineSlot, type PooledEngine } from './engine-room.js';

/** Components whose last turn is remembered. */
const REMEMBERED = 1_000;

interface Waits extends Waiter {
  readonly take: (slot: EngineSlot) => void;
}

/**
 * The engines' slots, shared by both lanes. Who waits gets one by `decide/fair.ts`, of the engine with most room. What
 * waits on the bus counts too: a slot that is a lane's turn is kept for it until it comes, or `tell` says that none does.
 */
export class EnginePool {
  readonly size: number;
  readonly #rooms: readonly EngineRoom[];
  readonly #limits: ReadonlyMap<string, number>;
  readonly #waits = new Set<Waits>();
  readonly #building = new Set<Asked>();
  readonly #served = new Map<string, number>();
  #onBus: Readonly<Record<Lane, boolean>> = { people: false, cascade: false };
  #inARow = 0;
  #count = 0;
  /** Called when a slot was given or has come free. */
  onChange: () => void = () => undefined;

  /** `limits`: builds of a target at one time; no entry: no bound of its own. */
  constructor(engines: readonly PooledEngine[], limits: ReadonlyMap<string, number> = new Map()) {
    this.#rooms = engines.map((engine) => new EngineRoom(engine));
    this.#limits = limits;
    this.size = engines.reduce((sum, engine) => sum + engine.slots, 0);
  }

  /** Slots that nobody has. */
  get free(): number {
    return this.#rooms.reduce((sum, { free }) => sum + free, 0);
  }

  /** Whose turn it is, as far as is known. */
  get turn(): Turn {
    return this.#turn();
  }

  /** What waits on the bus. */
  tell(onBus: Readonly<Record<Lane, boolean>>): void {
    this.#onBus = onBus;
    if (!this.#cascadeWaits) this.#inARow = 0;
    this.#serve();
  }

  /**
   * A slot; waits for one until the signal ends, then null. `target_full`, at once: the target has no room, and of this
   * lane one waits for such a room already.
   */
  acquire({ lane, target, component }: Asked, signal: AbortSignal): Promise<EngineSlot | 'target_full' | null> {
    if (signal.aborted) return Promise.resolve(null);
    const standing = this.#standing;
    const isBarred = (one: Asked): boolean => one.lane === lane && !hasRoom(one.target, standing);
    if (!hasRoom(target, standing) && [...this.#waits].some(isBarred)) return Promise.resolve('target_full');
    return new Promise((resolve) => {
      const giveUp = (): void => {
        this.#waits.delete(waits);
        resolve(null);
      };
      this.#count += 1;
      const waits: Waits = {
        lane,
        target,
        component,
        since: this.#count,
        take: (slot) => {
          signal.removeEventListener('abort', giveUp);
          resolve(slot);
        },
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waits.add(waits);
      this.#serve();
    });
  }

  get #standing() {
    return { building: [...this.#building], inARow: this.#inARow, served: this.#served, limits: this.#limits };
  }

  /** Whether a rebuild waits that might have a slot. */
  get #cascadeWaits(): boolean {
    const standing = this.#standing;
    return (
      this.#onBus.cascade ||
      [...this.#waits].some(({ lane, target }) => lane === 'cascade' && hasRoom(target, standing))
    );
  }

  #turn(): Turn<Waits> {
    return turnOf({ inHand: [...this.#waits], onBus: this.#onBus }, this.#standing);
  }

  #serve(): void {
    for (let room = this.#roomiest(); room !== null; room = this.#roomiest()) {
      const turn = this.#turn();
      if (turn.kind !== 'give') return;
      this.#waits.delete(turn.to);
      turn.to.take(this.#grant(room, turn.to));
      this.onChange();
    }
  }

  #grant(room: EngineRoom, asked: Waits): EngineSlot {
    this.#inARow = inARowAfter(asked.lane, this.#cascadeWaits, this.#inARow);
    this.#remember(asked);
    this.#building.add(asked);
    return room.grant(() => {
      this.#building.delete(asked);
      this.#serve();
      this.onChange();
    });
  }

  #remember(asked: Waits): void {
    const stream = streamOf(asked);
    this.#count += 1;
    this.#served.delete(stream);
    this.#served.set(stream, this.#count);
    for (const oldest of this.#served.keys()) {
      if (this.#served.size <= REMEMBERED) return;
      this.#served.delete(oldest);
    }
  }

  #roomiest(): EngineRoom | null {
    let best: EngineRoom | null = null;
    for (const room of this.#rooms) if (room.free > (best?.free ?? 0)) best = room;
    return best;
  }
}
