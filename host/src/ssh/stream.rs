//! A connection that ends: after so many bytes, after so long, or when nobody
//! needs it any more.
//!
//! The SSH library works in a task of its own, which outlives whoever gave up
//! on it. Whatever that task waits for, it reads or writes in the end, and here
//! it is told that it is over. So these bounds hold for every trick of the other
//! side, known or not.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::{RECEIVED_BYTES_MAX, SENT_BYTES_MAX};

/// A stream with an end.
pub(super) struct Bounded<S> {
    inner: S,
    to_receive: usize,
    to_send: usize,
    deadline: Pin<Box<Sleep>>,
    wanted: oneshot::Receiver<()>,
    exceeded: Arc<AtomicBool>,
}

/// Whoever wants the stream; dropped, the stream ends.
pub(super) struct Wanted {
    _wanted: oneshot::Sender<()>,
    exceeded: Arc<AtomicBool>,
}

impl Wanted {
    /// Whether the stream ended because more came than may come.
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }
}

impl<S> Bounded<S> {
    pub(super) fn new(inner: S, time: Duration) -> (Self, Wanted) {
        let (sender, wanted) = oneshot::channel();
        let exceeded = Arc::new(AtomicBool::new(false));
        let bounded = Self {
            inner,
            to_receive: RECEIVED_BYTES_MAX,
            to_send: SENT_BYTES_MAX,
            deadline: Box::pin(tokio::time::sleep(time)),
            wanted,
            exceeded: exceeded.clone(),
        };
        let wanted = Wanted {
            _wanted: sender,
            exceeded,
        };
        (bounded, wanted)
    }

    /// Whether it goes on; wakes the task when it does not any more.
    fn check(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        if Pin::new(&mut self.wanted).poll(context).is_ready() {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        if self.deadline.as_mut().poll(context).is_ready() {
            return Err(ErrorKind::TimedOut.into());
        }
        if self.to_receive == 0 || self.to_send == 0 {
            self.exceeded.store(true, Ordering::Relaxed);
            return Err(ErrorKind::QuotaExceeded.into());
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Error>> {
        self.check(context)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        // The last read may go beyond by one buffer of the reader's.
        let read = buffer.filled().len() - before;
        self.to_receive = self.to_receive.saturating_sub(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        self.check(context)?;
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, bytes))?;
        self.to_send = self.to_send.saturating_sub(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn an_endless_sender_is_heard_so_far() {
        let (mut bounded, wanted) = Bounded::new(tokio::io::repeat(b'x'), LONG);
        let mut heard = Vec::new();
        let ended = bounded.read_to_end(&mut heard).await.unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::QuotaExceeded);
        assert!(heard.len() >= RECEIVED_BYTES_MAX && wanted.exceeded());
        assert!(heard.len() < 2 * RECEIVED_BYTES_MAX);
    }

    #[tokio::test]
    async fn an_endless_listener_is_spoken_to_so_far() {
        let (mut bounded, wanted) = Bounded::new(tokio::io::sink(), LONG);
        let ended = bounded.write_all(&vec![0; 1 << 20]).await;
        // A sink takes all at once: the next write is the one that fails.
        let ended = match ended {
            Ok(()) => bounded.write_all(b"more").await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(ended.kind(), ErrorKind::QuotaExceeded);
        assert!(wanted.exceeded());
    }

    #[tokio::test]
    async fn who_waits_is_woken_when_nobody_wants_it_any_more() {
        let (near, _far) = tokio::io::duplex(16);
        let (mut bounded, wanted) = Bounded::new(near, LONG);
        let reading = tokio::spawn(async move { bounded.read_u8().await });
        drop(wanted);
        let ended = reading.await.unwrap().unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn who_waits_is_woken_when_the_time_is_over() {
        let (near, _far) = tokio::io::duplex(16);
        let (mut bounded, _wanted) = Bounded::new(near, Duration::from_millis(1));
        let ended = bounded.read_u8().await.unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::TimedOut);
    }
}
