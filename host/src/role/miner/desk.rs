//! The one session a miner works on.
//!
//! One at a time, because two would halve one another's results. The session
//! holds the machine while a task runs and for [`HOLD`] after its last answer,
//! so that an opening is not lost to the next caller; then others may take
//! over. The validator frees it at once by saying that the session is over. A
//! task runs no longer than its validator waits: nobody reads a later answer.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::subnet::challenge::SESSION_TASKS_MAX;
use crate::subnet::key::AccountId;
use crate::subnet::plugin::{OpenSession, PluginError, Plugins, SolverError, SolverSession};
use crate::subnet::text::escape;
use crate::subnet::wire::{Refusal, TaskReceived};

/// How long a session keeps the machine after its last answer.
const HOLD: Duration = Duration::from_secs(60);
/// What a caller is told to wait while a task runs.
const RETRY_MS: u32 = 5_000;

struct Current {
    id: String,
    solver: String,
    caller: AccountId,
    next_step: u16,
    touched: Instant,
    instance: Box<dyn OpenSession>,
}

/// Answers tasks, one session at a time.
pub(super) struct Desk {
    me: AccountId,
    plugins: Arc<dyn Plugins>,
    current: Arc<Mutex<Option<Current>>>,
    /// A session that was over before its task was done.
    released: Arc<std::sync::Mutex<Option<(AccountId, String)>>>,
}

impl Desk {
    pub(super) fn new(me: AccountId, plugins: Arc<dyn Plugins>) -> Self {
        Self {
            me,
            plugins,
            current: Arc::default(),
            released: Arc::default(),
        }
    }

    /// Answers one task; runs to its end or its timeout even if the caller hangs
    /// up, so that the instance is never left half-way.
    pub(super) async fn answer(
        &self,
        caller: &AccountId,
        task: TaskReceived,
    ) -> Result<Vec<u8>, Refusal> {
        let mut seat = self
            .current
            .clone()
            .try_lock_owned()
            .map_err(|_| Refusal::Busy(RETRY_MS))?;
        self.take_seat(&mut seat, caller, &task).await?;
        tokio::spawn(work(seat, task))
            .await
            .unwrap_or_else(|_| Err(Refusal::Failed("the solver's thread ended".into())))
    }

    /// Frees the machine if the session is the caller's; while its task still
    /// runs, as soon as that is done.
    pub(super) async fn end(&self, caller: &AccountId, session: &str) {
        *self.last_release() = Some((*caller, session.to_owned()));
        if let Ok(mut seat) = self.current.try_lock()
            && seat
                .as_ref()
                .is_some_and(|current| self.is_released(current))
        {
            *seat = None;
        }
    }

    fn is_released(&self, current: &Current) -> bool {
        self.last_release()
            .as_ref()
            .is_some_and(|(caller, session)| *caller == current.caller && *session == current.id)
    }

    fn last_release(&self) -> std::sync::MutexGuard<'_, Option<(AccountId, String)>> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Continues the caller's session or, at step 0, begins it where nobody holds the machine.
    async fn take_seat(
        &self,
        seat: &mut OwnedMutexGuard<Option<Current>>,
        caller: &AccountId,
        task: &TaskReceived,
    ) -> Result<(), Refusal> {
        if seat
            .as_ref()
            .is_some_and(|current| self.is_released(current))
        {
            **seat = None;
        }
        if let Some(current) = seat.as_ref() {
            if current.id == task.session && current.caller == *caller {
                return in_order(current, task);
            }
            let held = HOLD.saturating_sub(current.touched.elapsed());
            if current.caller != *caller && !held.is_zero() {
                return Err(Refusal::Busy(
                    u32::try_from(held.as_millis()).unwrap_or(RETRY_MS),
                ));
            }
        }
        if task.step != 0 {
            return Err(Refusal::Forgotten);
        }
        **seat = None;
        **seat = Some(self.open(caller, task).await?);
        Ok(())
    }

    async fn open(&self, caller: &AccountId, task: &TaskReceived) -> Result<Current, Refusal> {
        let solver = self.plugins.solver(&task.solver).ok_or_else(|| {
            Refusal::Unable(format!(
                "no solver called {} runs here",
                escape(&task.solver)
            ))
        })?;
        let session = SolverSession {
            id: task.session.clone(),
            solver: task.solver.clone(),
            validator: *caller,
            miner: self.me,
        };
        let instance = solver.open(session).await.map_err(own_fault)?;
        Ok(Current {
            id: task.session.clone(),
            solver: task.solver.clone(),
            caller: *caller,
            next_step: 0,
            touched: Instant::now(),
            instance,
        })
    }
}

/// A task comes once and in order: a repetition could otherwise see more than was meant.
fn in_order(current: &Current, task: &TaskReceived) -> Result<(), Refusal> {
    if task.solver != current.solver {
        return Err(Refusal::Malformed(format!(
            "this session is with {}",
            escape(&current.solver)
        )));
    }
    if task.step != current.next_step || usize::from(task.step) >= SESSION_TASKS_MAX {
        return Err(Refusal::Malformed(format!(
            "step {} is due, not {}",
            current.next_step, task.step
        )));
    }
    Ok(())
}

async fn work(
    mut seat: OwnedMutexGuard<Option<Current>>,
    task: TaskReceived,
) -> Result<Vec<u8>, Refusal> {
    let Some(current) = seat.as_mut() else {
        return Err(Refusal::Forgotten);
    };
    let answering = current.instance.answer(task.payload);
    // Dropped, the guest is stopped.
    let Ok(answered) = tokio::time::timeout(task.timeout, answering).await else {
        *seat = None;
        return Err(Refusal::Failed("the task's time is over".into()));
    };
    current.next_step += 1;
    current.touched = Instant::now();
    match answered {
        Ok(called) => Ok(called.value),
        Err(SolverError::Malformed(why)) => Err(Refusal::Malformed(why)),
        Err(SolverError::Unable(why)) => Err(Refusal::Unable(why)),
        Err(SolverError::Plugin(error)) => {
            *seat = None;
            Err(own_fault(error))
        }
    }
}

fn own_fault(error: PluginError) -> Refusal {
    match error {
        PluginError::Overloaded(_) => Refusal::Busy(RETRY_MS),
        other => Refusal::Failed(format!("the solver {other}")),
    }
}

#[cfg(test)]
mod tests;
