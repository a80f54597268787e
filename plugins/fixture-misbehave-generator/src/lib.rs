//! A challenge generator that misbehaves as its setting `mode` says; for tests.
//!
//! Beside the modes of [`fixture_modes`], in `advance`:
//!
//! | mode | answer |
//! |------|--------|
//! | `ok` | one task for solver `fixture-v1`, then a pass if it came back as it was |
//! | `error` | an error |
//! | `trap-answer` | none to a transcript: it crashes |
//! | `error-huge` | an error of 32 MiB |
//! | `ask-for-ever` | one more task, always |
//! | `too-much` | a task of 32 MiB |
//! | `leak-seed` | a task that carries the session's seed |
//! | `no-time` | a task that must be answered within no time |
//! | `all-the-time` | a task that may take as long as can be said |
//! | `grade` | a grade of 65535 |
//! | `huge-memory` | 32 MiB to be remembered |
//! | `huge-reason` | a reason of 1 MiB |
//! | `escapes` | a reason with terminal escapes in it |
//! | `ambient` | a reason that tells the clock, random bytes and hash order |

mod bindings {
    #![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
    #![allow(clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../../wit/compute-subnet@0.1.0",
        world: "challenge-generator",
    });
}

use bindings::{
    compute::subnet::{log, settings},
    exports::compute::subnet::{
        challenge::{Answer, Exchange, Guest as Challenge, Session, Step, Task, Verdict},
        plugin::{Description, Guest as Plugin},
    },
};
use fixture_modes::{ESCAPES, TOO_MANY_BYTES};

const HUGE_REASON_BYTES: usize = 1 << 20;
const TIMEOUT_MS: u32 = 5_000;

struct Component;

impl Plugin for Component {
    fn describe() -> Description {
        Description {
            name: fixture_modes::name(&mode(), "misbehave-generator", write),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "misbehaves as it is told; for tests".to_owned(),
        }
    }

    fn check_settings() -> Result<(), String> {
        fixture_modes::check_settings(&mode(), write)
    }
}

impl Challenge for Component {
    fn advance(session: Session, transcript: Vec<Exchange>) -> Result<Step, String> {
        let mode = mode();
        fixture_modes::misbehave(&mode, write);
        match (mode.as_str(), transcript.as_slice()) {
            ("trap-answer", [_, ..]) => std::process::abort(),
            ("error", _) => Err("the fixture was told to fail".to_owned()),
            ("error-huge", _) => Err("x".repeat(TOO_MANY_BYTES)),
            ("ask-for-ever", _) | (_, []) => Ok(Step::Ask(task(&mode, &session))),
            (mode, [.., last]) => Ok(Step::Conclude(verdict(mode, last))),
        }
    }
}

fn task(mode: &str, session: &Session) -> Task {
    Task {
        solver: "fixture-v1".to_owned(),
        payload: match mode {
            "too-much" => vec![0; TOO_MANY_BYTES],
            "leak-seed" => session.seed.clone(),
            _ => b"echo this".to_vec(),
        },
        timeout_ms: match mode {
            "no-time" => 0,
            "all-the-time" => u32::MAX,
            _ => TIMEOUT_MS,
        },
    }
}

fn verdict(mode: &str, last: &Exchange) -> Verdict {
    let echoed = matches!(&last.answer, Answer::Payload(bytes) if *bytes == last.task.payload);
    Verdict {
        passed: echoed,
        grade_permille: match mode {
            "grade" => u16::MAX,
            _ => 500,
        },
        proven: None,
        metrics: Vec::new(),
        reason: match mode {
            "huge-reason" => "x".repeat(HUGE_REASON_BYTES),
            "escapes" => ESCAPES.to_owned(),
            "ambient" => fixture_modes::ambient(),
            _ => format!("echoed: {echoed}"),
        },
        memory: match mode {
            "huge-memory" => vec![0; TOO_MANY_BYTES],
            _ => Vec::new(),
        },
    }
}

fn mode() -> String {
    settings::get("mode").unwrap_or_default()
}

fn write(line: &str) {
    log::write(log::Level::Info, line);
}

#[cfg(target_arch = "wasm32")]
mod export {
    #![allow(unsafe_code, reason = "generated")]
    use crate::{Component, bindings};
    bindings::export!(Component with_types_in bindings);
}
