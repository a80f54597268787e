//! What the generator says next, and its verdict.
//!
//! ```text
//! nothing yet        -> ask for the work
//! roots              -> ask for the rows          (read and checked by size, not yet by content)
//! roots, openings    -> conclude
//! anything else      -> conclude: failed, or void if it is nobody's fault
//! ```
//!
//! Sizes come from the task as it was sent, never from the miner, and not from
//! the settings either: those may have changed while the session ran.

use matmul_proof::{
    Digest, SOLVER, Secrets, Seeds, verify,
    wire::{self, Request, Task},
};

use crate::{
    bindings::{
        compute::subnet::types::Metric,
        exports::compute::subnet::challenge::{
            Answer, Exchange, Session, Step, Task as Message, Verdict,
        },
    },
    settings::Settings,
};

/// Of a text from the miner, what fits in a reason.
const QUOTE_CHARS_MAX: usize = 120;

/// The step after `transcript`.
pub fn advance(
    settings: &Settings,
    session: &Session,
    transcript: &[Exchange],
) -> Result<Step, String> {
    let seed = Digest::try_from(session.seed.as_slice())
        .map_err(|_| format!("a seed of {} bytes; 32 are due", session.seed.len()))?;
    let secrets = Secrets::new(seed);
    match transcript {
        [] => Ok(Step::Ask(first_task(settings, &secrets))),
        [work] => after_work(settings, &secrets, work),
        [work, opening] => conclude(settings, session, &secrets, work, opening),
        more => Err(format!("a session of {} tasks; two are due", more.len())),
    }
}

fn first_task(settings: &Settings, secrets: &Secrets) -> Message {
    let task = Task {
        device: settings.device,
        shape: settings.shape,
        nonce: secrets.nonce(),
    };
    message(task.encode(), settings.timeout_ms)
}

fn message(payload: Vec<u8>, timeout_ms: u32) -> Message {
    Message {
        solver: SOLVER.to_owned(),
        payload,
        timeout_ms,
    }
}

fn after_work(settings: &Settings, secrets: &Secrets, work: &Exchange) -> Result<Step, String> {
    let task = sent_task(&work.task)?;
    let payload = match &work.answer {
        Answer::Payload(payload) => payload,
        Answer::Busy(_) => return Err("the miner serves another validator: void".to_owned()),
        other => return Ok(failed_before_cells(other)),
    };
    if let Err(error) = wire::decode_roots(task.shape, payload) {
        return Ok(failed(format!("the commitment is malformed: {error}"), 0));
    }
    let opened = settings.opened.min(task.shape.rows());
    let rows = secrets.rows(task.shape.rows(), opened);
    Ok(Step::Ask(message(
        wire::encode_open(&rows),
        settings.open_timeout_ms,
    )))
}

fn conclude(
    settings: &Settings,
    session: &Session,
    secrets: &Secrets,
    work: &Exchange,
    opening: &Exchange,
) -> Result<Step, String> {
    let task = sent_task(&work.task)?;
    let rows = sent_rows(&opening.task, secrets, &task)?;
    let Answer::Payload(commitment) = &work.answer else {
        return Err("rows were opened without a commitment".to_owned());
    };
    let roots = wire::decode_roots(task.shape, commitment)
        .map_err(|error| format!("rows were opened after a bad commitment: {error}"))?;
    let openings = match &opening.answer {
        Answer::Payload(openings) => openings,
        other => return Ok(failed_after_cells(other)),
    };
    let seeds = Seeds::derive(
        &task.nonce,
        &session.validator,
        &session.hotkey,
        &session.id,
    );
    match verify::verify(task.shape, &seeds, secrets, &roots, &rows, openings) {
        Ok(()) => Ok(passed(settings, &task, work.elapsed_us)),
        Err(flaw) => Ok(failed(flaw.to_string(), 0)),
    }
}

fn sent_task(task: &Message) -> Result<Task, String> {
    match Request::decode(&task.payload) {
        Ok(Request::Compute(task)) => Ok(task),
        Ok(Request::Open(_)) => Err("the transcript begins with an opening".to_owned()),
        Err(error) => Err(format!("the transcript's first task: {error}")),
    }
}

/// The rows that were asked for, which only this session's seed can have drawn.
fn sent_rows(opening: &Message, secrets: &Secrets, task: &Task) -> Result<Vec<u32>, String> {
    match Request::decode(&opening.payload) {
        Ok(Request::Open(rows)) => {
            let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            if count <= task.shape.rows() && rows == secrets.rows(task.shape.rows(), count) {
                Ok(rows)
            } else {
                Err("the transcript's second task asks for rows of another seed".to_owned())
            }
        }
        Ok(Request::Compute(_)) => Err("the transcript's second task is a first one".to_owned()),
        Err(error) => Err(format!("the transcript's second task: {error}")),
    }
}

fn passed(settings: &Settings, task: &Task, elapsed_us: u64) -> Step {
    let shape = task.shape;
    // Operations a microsecond are millions of operations a second.
    let mops = shape.operations() / u128::from(elapsed_us.max(1));
    let grade = (mops / u128::from(settings.full_grade_gops)).min(1_000);
    Step::Conclude(Verdict {
        passed: true,
        grade_permille: u16::try_from(grade).unwrap_or(1_000),
        proven: None,
        metrics: vec![
            metric("proven-mops", mops),
            metric("elapsed-us", elapsed_us),
            metric("rows", shape.rows()),
            metric("n", shape.n()),
            metric("rounds", shape.rounds()),
        ],
        reason: format!(
            "proved {mops} million operations a second: {} rows of {} in {} round{} took {} ms",
            shape.rows(),
            shape.n(),
            shape.rounds(),
            if shape.rounds() == 1 { "" } else { "s" },
            elapsed_us / 1_000,
        ),
        memory: Vec::new(),
    })
}

fn failed(reason: String, unanswered: u32) -> Step {
    Step::Conclude(Verdict {
        passed: false,
        grade_permille: 0,
        proven: None,
        metrics: vec![metric("unanswered-tasks", unanswered)],
        reason,
        memory: Vec::new(),
    })
}

/// Nothing was proven, and nothing was seen that would help a second attempt.
fn failed_before_cells(answer: &Answer) -> Step {
    let unanswered = matches!(answer, Answer::TimedOut | Answer::Unreachable(_));
    failed(
        format!("{}; nothing was proven", describe(answer)),
        u32::from(unanswered),
    )
}

/// There is no second attempt: a miner could keep silent whenever the rows
/// drawn are not among those it computed.
fn failed_after_cells(answer: &Answer) -> Step {
    failed(
        format!(
            "{}, after it had learnt which rows to open; that fails whatever the cause, so keep \
             the node up between the two tasks",
            describe(answer)
        ),
        0,
    )
}

fn describe(answer: &Answer) -> String {
    match answer {
        Answer::Payload(_) => "the miner answered".to_owned(),
        Answer::TimedOut => {
            "the miner did not answer in time: see that nothing else uses the machine".to_owned()
        }
        Answer::Refused(why) => {
            format!(
                "the miner refused ({}): see that it runs {SOLVER}",
                quote(why)
            )
        }
        Answer::Unreachable(why) => format!(
            "the miner could not be reached ({}): check its axon's address and port",
            quote(why)
        ),
        Answer::BrokeProtocol(why) => format!(
            "the miner's answer broke the protocol ({}): update the node",
            quote(why)
        ),
        Answer::TooLarge => "the miner's answer was larger than 4 MiB: update the node".to_owned(),
        Answer::Busy(_) => "the miner said it was busy".to_owned(),
        Answer::Forgotten => "the miner restarted and forgot the session".to_owned(),
    }
}

/// A stranger's words on one line: short, and without control characters.
fn quote(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(QUOTE_CHARS_MAX)
        .collect()
}

fn metric(name: &str, value: impl TryInto<i64>) -> Metric {
    Metric {
        name: name.to_owned(),
        value: value.try_into().unwrap_or(i64::MAX),
    }
}
