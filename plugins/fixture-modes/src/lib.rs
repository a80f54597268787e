//! Ways to misbehave, for tests of the host's limits.
//!
//! A fixture reads its setting `mode`. These are understood by the fixtures of
//! every world; each adds its own. Without a mode, or with `ok`, or with one it
//! does not know, a fixture behaves.
//!
//! | mode | when called |
//! |------|-------------|
//! | `loop` | never returns |
//! | `hoard` | takes memory until it is refused |
//! | `recurse` | calls itself for ever |
//! | `trap` | executes `unreachable` |
//! | `flood` | writes to the log for ever |
//! | `big-log` | writes one line of 32 MiB to the log |
//!
//! With `describe-` before any of them it happens in `describe`, with
//! `settings-` in `check-settings`. `describe-huge` names itself with 32 MiB,
//! `describe-escapes` with terminal escapes, `describe-nameless` with nothing;
//! `settings-error` says that the settings are wrong.

use std::hint::black_box;

/// 32 MiB: more than a host takes of anything.
pub const TOO_MANY_BYTES: usize = 32 << 20;
/// Turns a terminal red, clears it and renames its window.
pub const ESCAPES: &str = "\u{1b}[31mred\u{1b}[2J\u{1b}]0;owned\u{7}\r\nsecond line\u{202e}";

const PAGE_BYTES: usize = 64 << 10;

/// Does what `mode` says; returns if that is nothing.
pub fn misbehave(mode: &str, log: impl Fn(&str)) {
    match mode {
        "loop" => spin(),
        "hoard" => hoard(),
        "recurse" => {
            black_box(recurse(0));
        }
        "trap" => std::process::abort(),
        "flood" => flood(log),
        "big-log" => log(&"x".repeat(TOO_MANY_BYTES)),
        _ => {}
    }
}

/// The name to give in `describe`, after misbehaving as `mode` says.
pub fn name(mode: &str, good: &str, log: impl Fn(&str)) -> String {
    match mode.strip_prefix("describe-") {
        Some("huge") => "x".repeat(TOO_MANY_BYTES),
        Some("escapes") => ESCAPES.to_owned(),
        Some("nameless") => String::new(),
        Some(mode) => {
            misbehave(mode, log);
            good.to_owned()
        }
        None => good.to_owned(),
    }
}

/// The answer to `check-settings`, after misbehaving as `mode` says.
pub fn check_settings(mode: &str, log: impl Fn(&str)) -> Result<(), String> {
    match mode.strip_prefix("settings-") {
        Some("error") => Err("the fixture was told to find the settings wrong".to_owned()),
        Some(mode) => {
            misbehave(mode, log);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Whatever a plugin can find out about the world that is not in its arguments:
/// two clocks, random bytes, the order of a hash table. Where the world is
/// deterministic this is the same text every time.
#[must_use]
pub fn ambient() -> String {
    use std::{
        collections::HashMap,
        hash::{BuildHasher, RandomState},
        time::{Instant, SystemTime, UNIX_EPOCH},
    };
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    let start = Instant::now();
    let random = RandomState::new().hash_one(0);
    let order: Vec<u32> = (0..8)
        .map(|number| (number, ()))
        .collect::<HashMap<_, _>>()
        .into_keys()
        .collect();
    let variables = std::env::vars().count();
    format!(
        "wall {wall:?}, monotonic {start:?} and {:?}, random {random:016x}, order {order:?}, \
         variables {variables}",
        start.elapsed()
    )
}

fn spin() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn hoard() {
    let mut pages = Vec::new();
    loop {
        pages.push(black_box(vec![1_u8; PAGE_BYTES]));
    }
}

#[expect(
    unconditional_recursion,
    reason = "exhausting the stack is what it is for"
)]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth.wrapping_add(1)))).wrapping_add(1)
}

fn flood(log: impl Fn(&str)) {
    let line = "x".repeat(1_000);
    loop {
        log(&line);
    }
}
