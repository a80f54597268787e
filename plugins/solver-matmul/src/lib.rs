//! Challenge solver `matmul-merkle-v1`: the miner's end of [`matmul_proof`].
//!
//! Has the accelerator do the work under seeds bound to both keys, answers with
//! the commitment, and opens the rows asked for. It works once a session and
//! keeps that proof as long as the instance lives; a validator that wants
//! another product begins another session.

mod bindings {
    #![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
    #![allow(clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../../wit/compute-subnet@0.1.0",
        world: "challenge-solver",
    });
}

mod devices;
mod openings;

use std::cell::RefCell;

use bindings::{
    compute::subnet::{
        accelerator::{self, Error, Job, Proof},
        settings as host,
    },
    exports::compute::subnet::{
        plugin::{Description, Guest as Plugin},
        solver::{Failure, Guest as Solver, Session},
    },
};
use matmul_proof::{
    Digest, SOLVER, Seeds, Shape,
    wire::{self, Request, Task},
};

/// How often the rows of one proof are opened; a session has 16 tasks at most.
const OPENINGS_MAX: u32 = 15;
/// The most cells that `accelerator.proof.open` takes.
const CELLS_PER_CALL_MAX: usize = 256;

/// A finished job.
struct Work {
    shape: Shape,
    proof: Proof,
    openings: u32,
}

thread_local! {
    static WORK: RefCell<Option<Work>> = const { RefCell::new(None) };
}

struct Component;

impl Plugin for Component {
    fn describe() -> Description {
        Description {
            name: "solver-matmul".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: format!("answers {SOLVER} with this machine's accelerator"),
        }
    }

    fn check_settings() -> Result<(), String> {
        match host::all().first() {
            None => Ok(()),
            Some((key, _)) => Err(format!(
                "there is no setting {key:?}; this solver has none: limits are the host's"
            )),
        }
    }
}

impl Solver for Component {
    fn solves() -> Vec<String> {
        vec![SOLVER.to_owned()]
    }

    fn answer(session: Session, payload: Vec<u8>) -> Result<Vec<u8>, Failure> {
        if session.solver != SOLVER {
            return Err(Failure::Malformed(format!("only {SOLVER} is solved here")));
        }
        match Request::decode(&payload) {
            Ok(Request::Compute(task)) => compute(&session, &task),
            Ok(Request::Open(rows)) => WORK.with_borrow_mut(|work| open(work.as_mut(), &rows)),
            Err(error) => Err(Failure::Malformed(error.to_string())),
        }
    }
}

fn compute(session: &Session, task: &Task) -> Result<Vec<u8>, Failure> {
    if WORK.with_borrow(Option::is_some) {
        return Err(Failure::Malformed(
            "this session has had its product; begin another".to_owned(),
        ));
    }
    let seeds = Seeds::derive(&task.nonce, &session.validator, &session.miner, &session.id);
    let device = devices::choose(task.device, &accelerator::devices())?;
    let job = Job {
        device,
        left_seed: seeds.left.to_vec(),
        right_seed: seeds.right.to_vec(),
        rows: task.shape.rows(),
        n: task.shape.n(),
        rounds: task.shape.rounds(),
    };
    let proof = Proof::compute(&job).map_err(failure)?;
    let answer = commit(&proof)?;
    WORK.set(Some(Work {
        shape: task.shape,
        proof,
        openings: 0,
    }));
    Ok(answer)
}

fn commit(proof: &Proof) -> Result<Vec<u8>, Failure> {
    let roots = proof.round_roots();
    let roots = roots
        .iter()
        .map(|root| digest(root))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(wire::encode_roots(&digest(&proof.root())?, &roots))
}

fn digest(bytes: &[u8]) -> Result<Digest, Failure> {
    Digest::try_from(bytes)
        .map_err(|_| Failure::Unable("the accelerator gave a root that is no digest".to_owned()))
}

fn open(work: Option<&mut Work>, rows: &[u32]) -> Result<Vec<u8>, Failure> {
    let Some(work) = work else {
        return Err(Failure::Malformed(
            "nothing was computed in this session".to_owned(),
        ));
    };
    if work.openings == OPENINGS_MAX {
        return Err(Failure::Malformed(format!(
            "this session has had its {OPENINGS_MAX} openings"
        )));
    }
    work.openings += 1;
    openings::check(work.shape, rows)?;
    let mut opened = Vec::new();
    for cells in openings::cells(work.shape, rows).chunks(CELLS_PER_CALL_MAX) {
        opened.extend(work.proof.open(cells).map_err(failure)?);
    }
    openings::encode(work.shape, rows, &opened)
}

fn failure(error: Error) -> Failure {
    match error {
        Error::NoSuchDevice => Failure::Unable("no such device".to_owned()),
        Error::OutOfMemory => Failure::Unable("out of memory".to_owned()),
        Error::OutOfRange(what) => Failure::Malformed(what),
        Error::Busy => Failure::Unable("the device has another job".to_owned()),
        Error::OutOfBudget => {
            Failure::Unable("more work than the operator allows one session".to_owned())
        }
        Error::DeviceFailed(what) => Failure::Unable(what),
    }
}

#[cfg(target_arch = "wasm32")]
mod export {
    #![allow(unsafe_code, reason = "generated")]
    use crate::{Component, bindings};
    bindings::export!(Component with_types_in bindings);
}
