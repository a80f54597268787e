//! Work that goes on when whoever asked for it is gone: a caller that hangs up must
//! not leave an order between its call and its result.

use std::future::Future;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Counts what runs, so that an end can wait for it.
#[derive(Debug)]
pub(super) struct Tasks(watch::Sender<usize>);

struct Running(watch::Sender<usize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Begins `work`, whoever waits for it.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.0.send_modify(|running| *running += 1);
        let running = Running(self.0.clone());
        tokio::spawn(async move {
            let _running = running;
            work.await
        })
    }

    /// Until nothing runs.
    pub(super) async fn idle(&self) {
        // Cannot fail: the sender is this one.
        let _ = self.0.subscribe().wait_for(|running| *running == 0).await;
    }
}
