/**
 * States of a class: for each state, the events that leave it and the state that they lead to. The first state is the initial
 * one; an event that is not listed changes nothing. `docs/lifecycle.md` has a diagram of each, and `test/lifecycle` drives the
 * class through every transition.
 */
export type Lifecycle<State extends string = string> = Readonly<Record<State, Readonly<Record<string, State>>>>;
