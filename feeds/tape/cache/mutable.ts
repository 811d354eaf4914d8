/** The same shape, writable: for the objects a reader fills anew for every event. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };
