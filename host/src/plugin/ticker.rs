//! The clock of the effectful engine: one thread that counts epochs.
//!
//! It holds the engine weakly and ends with it.

use std::io;
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

/// How far past its deadline a guest can run at most.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Starts counting for `engine`.
pub(super) fn start(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("plugin-ticker".into())
        .stack_size(64 << 10)
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })?;
    Ok(())
}
