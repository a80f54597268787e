//! What went wrong in a store, as one of the errors a role can branch on.

use wasmtime::{Trap, WasmBacktrace};

use super::guest::Guest;
use super::limits::WorldLimits;
use crate::subnet::plugin::PluginError;
use crate::subnet::text::escape;

/// wasmtime keeps this error's type to itself; a test pins its words.
const HANDED_OVER_TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";
/// Frames of a guest's backtrace that are worth a line.
const FRAMES_MAX: usize = 3;

/// Reads `error`, which a guest under `limits` ended with.
pub(super) fn read(error: &wasmtime::Error, guest: &Guest, limits: &WorldLimits) -> PluginError {
    if let Some(known) = error.downcast_ref::<PluginError>() {
        return known.clone();
    }
    if error
        .downcast_ref::<wasmtime::PoolConcurrencyLimitError>()
        .is_some()
    {
        return PluginError::Overloaded(limits.running_max);
    }
    if error
        .root_cause()
        .to_string()
        .contains(HANDED_OVER_TOO_MUCH)
    {
        return PluginError::TooMuchData(limits.handed_over_bytes_max as u64);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => PluginError::OutOfFuel(limits.fuel_max),
        Some(Trap::Interrupt) => guest
            .time
            .over()
            .unwrap_or(PluginError::Deadline(limits.run_ms_max)),
        Some(trap) => PluginError::Trapped(told(&trap.to_string(), error, guest)),
        None => PluginError::Trapped(told(&error.root_cause().to_string(), error, guest)),
    }
}

/// The trap, what the guest printed last (its panic, as a rule), and where.
fn told(trap: &str, error: &wasmtime::Error, guest: &Guest) -> String {
    let mut text = escape(trap);
    if let Some(printed) = guest.log.last_printed() {
        text.push_str("; it printed: ");
        text.push_str(&printed);
    }
    let frames = frames(error);
    if !frames.is_empty() {
        text.push_str("; in ");
        text.push_str(&frames.join(" < "));
    }
    text
}

fn frames(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    backtrace
        .frames()
        .iter()
        .filter_map(|frame| frame.func_name())
        .take(FRAMES_MAX)
        .map(escape)
        .collect()
}

/// The whole chain of an error in one line, for whoever must mend the component.
pub(super) fn chain(error: &wasmtime::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&escape(&cause.to_string()));
    }
    text
}
