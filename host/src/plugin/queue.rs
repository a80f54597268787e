//! Guest threads, and whose turn it is.
//!
//! Guests run on threads of their own, never on the network's. Each plugin has
//! a lane: its calls wait there, at most so many, and the threads take from the
//! lanes in turn. A lane never has all the threads, so that one plugin that
//! runs to its limits in every call cannot keep the others from running.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::limits::WorldLimits;
use crate::subnet::plugin::PluginError;

/// A guest's stack is within its thread's: wasm's half a MiB, and the host's.
const STACK_BYTES: usize = 4 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// The threads of one determinism class; they end when this is dropped.
pub(super) struct Queue {
    shared: Arc<Shared>,
    threads: usize,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    lanes: BTreeMap<u64, Waiting>,
    next_lane: u64,
    /// The lane that was served last.
    served: u64,
    stopping: bool,
}

struct Waiting {
    jobs: VecDeque<Job>,
    running: usize,
    running_max: usize,
}

/// One plugin's place in the queue.
pub(super) struct Lane {
    shared: Arc<Shared>,
    id: u64,
    waiting_max: usize,
}

impl Queue {
    /// Starts `threads` threads, each within `runtime`, whose timers WASI needs.
    pub(super) fn start(
        name: &str,
        threads: usize,
        runtime: &tokio::runtime::Handle,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
        });
        let queue = Self {
            shared,
            threads: threads.max(1),
        };
        for number in 0..queue.threads {
            let shared = queue.shared.clone();
            let runtime = runtime.clone();
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || {
                    let _within = runtime.enter();
                    work(&shared);
                })?;
        }
        Ok(queue)
    }

    /// A lane under `limits`, which keeps one thread for the others.
    pub(super) fn lane(&self, limits: &WorldLimits) -> Lane {
        let running_max = limits.running_max.clamp(1, self.threads.max(2) - 1);
        let mut state = self.shared.lock();
        let id = state.next_lane;
        state.next_lane += 1;
        state.lanes.insert(
            id,
            Waiting {
                jobs: VecDeque::new(),
                running: 0,
                running_max,
            },
        );
        Lane {
            shared: self.shared.clone(),
            id,
            waiting_max: limits.waiting_max,
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopping = true;
        for waiting in state.lanes.values_mut() {
            waiting.jobs.clear();
        }
        drop(state);
        self.shared.wake.notify_all();
    }
}

impl Lane {
    /// Queues `job`, or says that too many wait.
    pub(super) fn submit(&self, job: Job) -> Result<(), PluginError> {
        let mut state = self.shared.lock();
        if state.stopping {
            return Err(PluginError::ShuttingDown);
        }
        let waiting = state
            .lanes
            .get_mut(&self.id)
            .ok_or(PluginError::ShuttingDown)?;
        if waiting.jobs.len() >= self.waiting_max {
            return Err(PluginError::Overloaded(waiting.jobs.len()));
        }
        waiting.jobs.push_back(job);
        drop(state);
        self.shared.wake.notify_one();
        Ok(())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let abandoned = self.shared.lock().lanes.remove(&self.id);
        // Outside the lock: a job may own the last hold on another plugin.
        drop(abandoned);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a job of the lane whose turn it is; `None` at the end.
    fn next(&self) -> Option<(u64, Job)> {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(found) = state.take() {
                return Some(found);
            }
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, lane: u64) {
        let mut state = self.lock();
        if let Some(waiting) = state.lanes.get_mut(&lane) {
            waiting.running -= 1;
        }
    }
}

impl State {
    fn take(&mut self) -> Option<(u64, Job)> {
        let after = self.served + 1;
        let turn = self
            .lanes
            .range(after..)
            .chain(self.lanes.range(..after))
            .find(|(_, waiting)| !waiting.jobs.is_empty() && waiting.running < waiting.running_max)
            .map(|(id, _)| *id)?;
        let waiting = self.lanes.get_mut(&turn)?;
        let job = waiting.jobs.pop_front()?;
        waiting.running += 1;
        self.served = turn;
        Some((turn, job))
    }
}

/// One thread: a panic of ours in a job must not cost the node the thread.
fn work(shared: &Shared) {
    while let Some((lane, job)) = shared.next() {
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a plugin call panicked in the host: please report this");
        }
        shared.done(lane);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::mpsc;

    fn queue(threads: usize) -> (tokio::runtime::Runtime, Queue) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let queue = Queue::start("test", threads, runtime.handle()).unwrap();
        (runtime, queue)
    }

    fn limits(running_max: usize, waiting_max: usize) -> WorldLimits {
        WorldLimits {
            running_max,
            waiting_max,
            ..WorldLimits::default()
        }
    }

    #[test]
    fn a_lane_that_never_ends_leaves_a_thread_for_the_others() {
        let (_runtime, queue) = queue(2);
        let hog = queue.lane(&limits(9, 9));
        let other = queue.lane(&limits(9, 9));
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        for _ in 0..3 {
            let held = held.clone();
            hog.submit(Box::new(move || {
                let _ = held.lock().unwrap().recv();
            }))
            .unwrap();
        }
        let (done, finished) = mpsc::channel();
        other
            .submit(Box::new(move || done.send(()).unwrap()))
            .unwrap();
        finished.recv().unwrap();
        drop(release);
    }

    #[test]
    fn the_call_past_the_limit_is_refused_and_says_how_many_wait() {
        let (_runtime, queue) = queue(1);
        let lane = queue.lane(&limits(1, 2));
        let (release, held) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel();
        lane.submit(Box::new(move || {
            started.send(()).unwrap();
            let _ = held.recv();
        }))
        .unwrap();
        running.recv().unwrap();
        lane.submit(Box::new(|| {})).unwrap();
        lane.submit(Box::new(|| {})).unwrap();
        assert_eq!(
            lane.submit(Box::new(|| {})),
            Err(PluginError::Overloaded(2))
        );
        drop(release);
    }

    #[test]
    fn a_panic_costs_no_thread() {
        let (_runtime, queue) = queue(1);
        let lane = queue.lane(&limits(1, 9));
        let (done, finished) = mpsc::channel();
        lane.submit(Box::new(|| std::panic::resume_unwind(Box::new(()))))
            .unwrap();
        lane.submit(Box::new(move || done.send(()).unwrap()))
            .unwrap();
        finished.recv().unwrap();
    }

    #[test]
    fn after_the_end_nothing_is_taken() {
        let (_runtime, queue) = queue(1);
        let lane = queue.lane(&limits(1, 9));
        drop(queue);
        assert_eq!(lane.submit(Box::new(|| {})), Err(PluginError::ShuttingDown));
    }
}
