//! Hostile components: each is refused or stopped within its limit, by its own
//! typed error, while the others are served and nothing of it stays.
//!
//! Those made here, by hand, in [`refused`] and [`stopped`]:
//!
//! | when | what |
//! |---|---|
//! | before it is compiled | an import of another world, of a stranger's package; a core module; nothing; a file of 200 MiB; a file cut off at each sixteenth |
//! | when it is compiled or linked | an export of another type, a missing one, an import of another type, of a function that is not there; a thousand core instances; a table of four thousand million elements; seventeen tables; five memories; nested components that the compiler does not take |
//! | in `start` | a loop, a recursion, a trap, memory without end |
//! | at its instantiation | memory of 512 MiB, of four GiB |
//! | in `describe`, `check-settings` | loops, recursion, a trap, memory and table without end, floods of long and of empty lines, a line that is not UTF-8, one outside its memory, settings asked for ever; a name that is not UTF-8, of four GiB; answers at addresses that are outside or crooked; an error that is not UTF-8 |
//! | in `evaluate`, `answer`, `cabi_realloc` | loops, recursion, traps, memory without end, addresses outside or crooked; lists that are longer than memory, crooked, of fourteen megabytes; a gigabyte said in one megabyte; a case that there is not; an error that is not UTF-8 |
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
