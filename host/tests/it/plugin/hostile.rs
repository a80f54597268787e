//! Hostile components: each is refused or stopped within its limit, by its own
//! typed error, while the others are served and nothing of it stays.
//!
//! Those made here by hand, some sixty, in [`refused`], [`stopped`] and [`files`]:
//!
//! | when | what |
//! |---|---|
//! | before it is compiled | half a world, two worlds; an interface that no world has, a function on its own; a file of 200 MiB; a file cut off at each sixteenth |
//! | when it is compiled, loaded or linked | an answer, an argument, a field of another type, a function that is not there; an import with a function more, one of another type; a thousand core instances; a table of ten million elements and of four thousand million, seventeen tables, memory of four GiB |
//! | in `start` | a loop, also a solver's; a recursion, a trap, memory without end; memory of 512 MiB from the beginning |
//! | in `describe`, `check-settings` | loops, a recursion, a trap, memory without end and at one leap, a table without end; floods of long and of empty lines, a line that is not UTF-8, one outside its memory, settings asked for ever; a name that is not UTF-8, one of four GiB; answers outside its memory and at a crooked address; an error that is not UTF-8 |
//! | in `evaluate`, `answer`, `cabi_realloc` | loops, recursions, traps, memory without end, addresses outside and crooked; lists that are longer than memory, crooked, of fourteen megabytes; a gigabyte said in one megabyte; a case that there is not; an error that is not UTF-8 |
//!
//! Beside these, not repeated here: in [`limits`](super::limits) and
//! [`solver`](super::solver) what a Rust plugin does when it is called (32 MiB
//! results and log lines, a million scores, false uids, a huge reason, terminal
//! escapes, a leaked seed, endless tasks; a million solver names, sessions
//! without end); in [`admission`](super::admission) false generations and
//! fields; in [`compile`](super::compile) a component built to take a compiler
//! minutes and gigabytes, a thousand nested components, native code offered as
//! WebAssembly; in [`trust`](super::trust) a manifest for other bytes, k-1
//! signatures, a revoked digest, a revoked key, an expired manifest, another
//! subnet's, a replayed old version, two of one number.

mod act;
mod component;
mod files;
mod refused;
mod stage;
mod stopped;
