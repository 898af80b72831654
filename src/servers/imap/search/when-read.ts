// What is mostly known at once, and read from a file otherwise. To wait for what is known costs more than to look at it.

export type NowOrLater<T> = T | Promise<T>;

/** Does something with a value when it is there: at once, if it is. */
export function whenRead<T, U>(value: NowOrLater<T>, act: (value: T) => NowOrLater<U>): NowOrLater<U> {
  return value instanceof Promise ? value.then(act) : act(value);
}
