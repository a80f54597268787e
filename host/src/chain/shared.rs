//! What the background task and the calls have in common.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::{Semaphore, watch};

use super::Options;
use super::endpoints::Endpoints;
use super::nonces::Nonces;
use super::session::Session;
use crate::subnet::chain::{ChainError, Head};
use crate::subnet::events::{Event, Observer};

/// A read makes several calls; all of them together have as many deadlines.
const READ_DEADLINES: u32 = 3;
/// How often a read is tried, the second time through another connection.
const READ_TRIES: u32 = 2;

/// What the background task and the calls have in common.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) status: watch::Sender<Status>,
    pub(super) heads: watch::Sender<Head>,
    /// One extrinsic takes a nonce at a time.
    pub(super) submitting: Semaphore,
    pub(super) nonces: Nonces,
    endpoints: Mutex<Endpoints>,
    observer: Arc<dyn Observer>,
}

/// Whether there is a connection.
#[derive(Clone)]
pub(super) enum Status {
    Down(ChainError),
    Up(Arc<Session>),
}

impl Shared {
    pub(super) fn new(options: Options, observer: Arc<dyn Observer>) -> Self {
        let connecting = ChainError::Unreachable("no connection yet".to_owned());
        Self {
            endpoints: Mutex::new(Endpoints::new(&options.endpoints)),
            nonces: Nonces::default(),
            options,
            status: watch::Sender::new(Status::Down(connecting)),
            heads: watch::Sender::new(Head::default()),
            submitting: Semaphore::new(1),
            observer,
        }
    }

    pub(super) fn observe(&self, event: Event) {
        self.observer.observe(event);
    }

    /// What is known of the endpoints; never across an await.
    pub(super) fn endpoints(&self) -> MutexGuard<'_, Endpoints> {
        self.endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// An open connection; waits for one as long as for an answer.
    pub(super) async fn session(&self) -> Result<Arc<Session>, ChainError> {
        let mut status = self.status.subscribe();
        let usable = |status: &Status| match status {
            Status::Up(session) => session.link.is_open(),
            // Waiting does not make it another network.
            Status::Down(ChainError::WrongNetwork(_)) => true,
            Status::Down(_) => false,
        };
        let waiting =
            tokio::time::timeout(self.options.timing.rpc_deadline, status.wait_for(usable));
        if let Ok(Ok(status)) = waiting.await {
            return match &*status {
                Status::Up(session) => Ok(session.clone()),
                Status::Down(error) => Err(error.clone()),
            };
        }
        Err(match &*self.status.borrow() {
            Status::Down(error) => error.clone(),
            Status::Up(_) => ChainError::Unreachable("the connection broke".to_owned()),
        })
    }

    /// Reads within a deadline, and once more should the connection break.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, ChainError>
    where
        F: for<'a> Fn(&'a Session) -> BoxFuture<'a, Result<T, ChainError>> + Send + Sync,
    {
        let limit = self.options.timing.rpc_deadline * READ_DEADLINES;
        let mut tries = 1;
        loop {
            let session = self.session().await?;
            let error = match tokio::time::timeout(limit, read(&session)).await {
                Ok(Ok(value)) => {
                    session.link.made_sense();
                    return Ok(value);
                }
                Ok(Err(error)) => error,
                Err(_) => ChainError::Unreachable(format!(
                    "{}: no answer within {} s",
                    session.endpoint,
                    limit.as_secs()
                )),
            };
            let broken = matches!(error, ChainError::Unreachable(_));
            let nonsense = matches!(error, ChainError::Nonsense(_));
            if broken || nonsense {
                self.observe(Event::RpcFailed);
            }
            // Another endpoint may know better; if there is none, this has to do.
            if nonsense && self.endpoints().are_several() {
                session.link.made_none();
            }
            if !broken || session.link.is_open() || tries == READ_TRIES {
                return Err(error);
            }
            tries += 1;
        }
    }
}
