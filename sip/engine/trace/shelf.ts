/** Something kept under a key, in one shelf at a time. */
export class Place<T> {
  readonly kept: T[] = [];
  shelf: Shelf<T> | undefined;
  older: Place<T> | undefined;
  newer: Place<T> | undefined;

  constructor(readonly key: string) {}
}

/**
 * Places of bounded number in the order they were put; the one put first gives way. Linked, since they come and go at
 * any position: asking a map for its oldest key again and again walks over all that were deleted.
 */
export class Shelf<T> {
  private count = 0;
  private oldest: Place<T> | undefined;
  private newest: Place<T> | undefined;

  /** `index`: all places by key, may be shared by shelves: what gives way here leaves it. */
  constructor(
    private readonly mostPlaces: number,
    private readonly mostEach: number,
    private readonly index: Map<string, Place<T>>,
  ) {}

  /** Puts a place here as the newest, new or from another shelf. */
  take(place: Place<T>): void {
    place.shelf?.leave(place);
    place.shelf = this;
    place.older = this.newest;
    if (this.newest) this.newest.newer = place;
    else this.oldest = place;
    this.newest = place;
    this.index.set(place.key, place);
    if (++this.count > this.mostPlaces && this.oldest) {
      this.index.delete(this.oldest.key);
      this.leave(this.oldest);
    }
  }

  /** Adds to what a place of this shelf keeps. */
  add(place: Place<T>, thing: T): void {
    if (place.kept.length >= this.mostEach) place.kept.shift();
    place.kept.push(thing);
  }

  private leave(place: Place<T>): void {
    if (place.older) place.older.newer = place.newer;
    else this.oldest = place.newer;
    if (place.newer) place.newer.older = place.older;
    else this.newest = place.older;
    place.shelf = place.older = place.newer = undefined;
    this.count--;
  }
}
