//! SIGINT and SIGTERM: the first asks for an end, the second ends.
//!
//! ```text
//! running ─ SIGINT or SIGTERM ─ draining ─ all tasks done, or the bound ─ exit
//!                                  └ SIGINT or SIGTERM ─ exit at once
//! ```

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The shell's code for a process that SIGINT ended.
const EXIT_INTERRUPTED: i32 = 130;

/// Tells any number of tasks that the end was asked for. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

/// Asks for the end; dropping it asks as well.
#[derive(Debug)]
pub(crate) struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// Nothing new is begun from here on.
    pub(crate) fn pull(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// An end that the holder of the trigger asks for.
    pub(crate) fn new() -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (Trigger(sender), Self(receiver))
    }

    /// An end that the first signal asks for; the second exits at once.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let (trigger, shutdown) = Self::new();
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        tokio::spawn(obey(interrupt, terminate, trigger));
        Ok(shutdown)
    }

    /// Whether it was asked for.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Ends when it is asked for.
    pub(crate) fn requested(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut receiver = self.0.clone();
        async move {
            // A trigger that is gone asks as well.
            let _ = receiver.wait_for(|requested| *requested).await;
        }
    }
}

async fn obey(mut interrupt: Signal, mut terminate: Signal, trigger: Trigger) {
    either(&mut interrupt, &mut terminate).await;
    tracing::info!(
        "ending: nothing new begins, what runs may finish; a second signal ends at once"
    );
    trigger.pull();
    either(&mut interrupt, &mut terminate).await;
    tracing::warn!("ended at once");
    std::process::exit(EXIT_INTERRUPTED);
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_hears_of_the_end_even_who_asks_later() {
        let (trigger, shutdown) = Shutdown::new();
        assert!(!shutdown.is_requested());
        let waiting = tokio::spawn(shutdown.requested());
        trigger.pull();
        waiting.await.expect("the waiting task does not panic");
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }

    #[tokio::test]
    async fn a_trigger_that_is_gone_asks_for_the_end() {
        let (trigger, shutdown) = Shutdown::new();
        drop(trigger);
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }
}
