//! The way out of the sandbox: HTTP and this machine, for provider adapters, and
//! only as far as the operator granted it.
//!
//! A guest runs on a thread of its own that may block. What it asks for is done
//! by the node's own runtime, and the guest's thread waits for it: until it is
//! done, the call's wall clock has run out, or nobody wants the call's answer any
//! more. Then what was asked for is dropped with it. A budget is opened for each
//! call and ends with it.
//!
//! Knows neither HTTP nor containers: those are behind the two traits. Without
//! them nothing is granted, which is what every other world has.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::guest::Time;
use crate::subnet::outbound::{Egress, Outbound};
use crate::subnet::plugin::PluginError;
use crate::subnet::provider::Want;
use crate::subnet::workload::Workloads;

/// How often a guest that waits looks whether anybody still waits for it.
const LOOK: Duration = Duration::from_millis(50);

/// What a node lets provider adapters reach; nothing by default.
#[derive(Clone, Default)]
pub struct Outside {
    /// Outbound HTTP, and who was granted what of it.
    pub egress: Option<Arc<dyn Egress>>,
    /// This machine, for adapters whose grant has `machine`.
    pub workloads: Option<Arc<dyn Workloads>>,
}

impl Outside {
    /// Configuration lines that would grant what `plugin` wants and has not.
    pub(super) fn missing(&self, plugin: &str, wants: &[Want]) -> Vec<String> {
        match &self.egress {
            Some(egress) => egress.missing(plugin, wants),
            None if wants.is_empty() => Vec::new(),
            None => vec![format!("# nothing can be granted to {plugin} here")],
        }
    }

    /// For one call, which must come from within the runtime that is to do it.
    pub(super) fn open(&self, plugin: &str, wants: &[Want]) -> Way {
        let machine =
            wants.contains(&Want::Machine) && self.missing(plugin, &[Want::Machine]).is_empty();
        Way {
            http: self
                .egress
                .as_ref()
                .map(|egress| egress.open(plugin, wants)),
            machine: self.workloads.clone().filter(|_| machine),
            owner: plugin.into(),
            runtime: Handle::current(),
        }
    }
}

/// What one call may reach.
pub(super) struct Way {
    pub(super) http: Option<Arc<dyn Outbound>>,
    pub(super) machine: Option<Arc<dyn Workloads>>,
    /// The plugin's name, under which its workloads run.
    pub(super) owner: Arc<str>,
    runtime: Handle,
}

impl Way {
    /// Has `work` done and blocks until it is, for as long as `time` allows.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        time: &Time,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, PluginError> {
        let (tell, told) = mpsc::sync_channel(1);
        let task = self.runtime.spawn(async move {
            let _ = tell.send(work.await);
        });
        let _dropped_with_the_wait = Abort(task.abort_handle());
        loop {
            match told.recv_timeout(left(time).min(LOOK)) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Disconnected) => {
                    let text = "the node broke off what it asked for".into();
                    return Err(PluginError::Trapped(text));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(late) = time.wall_over() {
                        return Err(late);
                    }
                }
            }
        }
    }
}

/// What is left of a call's wall clock.
pub(super) fn left(time: &Time) -> Duration {
    let wall = time.wall();
    wall.map_or(Duration::ZERO, |wall| {
        wall.saturating_duration_since(Instant::now())
    })
}

/// Ends a task when it is dropped.
struct Abort(AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plugin::guest::Begun;
    use crate::plugin::limits::WorldLimits;

    fn time(wall_ms_max: u64, begun: &Begun) -> Time {
        let limits = WorldLimits {
            run_ms_max: 1,
            wall_ms_max,
            ..WorldLimits::default()
        };
        Time::passing(&limits, begun)
    }

    /// Waits for `work` on a thread of its own, as a guest does.
    async fn waited(
        time: Time,
        work: impl Future<Output = u8> + Send + 'static,
    ) -> Result<u8, PluginError> {
        let way = Outside::default().open("p", &[]);
        let waiting = tokio::task::spawn_blocking(move || way.wait(&time, work));
        waiting.await.unwrap()
    }

    #[tokio::test]
    async fn what_was_asked_for_comes_back() {
        let time = time(60_000, &Begun::now());
        assert_eq!(waited(time, async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn a_wait_ends_with_the_wall_clock_and_what_was_asked_for_with_it() {
        let (held, mut dropped) = tokio::sync::oneshot::channel::<()>();
        let for_ever = async move {
            let _held = held;
            std::future::pending().await
        };
        let late = waited(time(20, &Begun::now()), for_ever).await;
        assert_eq!(late, Err(PluginError::Deadline(20)));
        assert!((&mut dropped).await.is_err());
    }

    #[tokio::test]
    async fn a_wait_ends_when_nobody_wants_its_answer() {
        let begun = Begun::now();
        begun
            .given_up
            .store(true, std::sync::atomic::Ordering::Relaxed);
        let late = waited(time(60_000, &begun), std::future::pending()).await;
        assert_eq!(late, Err(PluginError::Deadline(60_000)));
    }

    #[tokio::test]
    async fn what_breaks_off_is_never_taken_for_an_end_before_the_call() {
        let broken = async { std::panic::resume_unwind(Box::new(())) };
        let broke_off = waited(time(60_000, &Begun::now()), broken).await;
        assert!(matches!(broke_off, Err(PluginError::Trapped(_))));
    }
}
