//! When bytes really left and came: a socket that looks at the clock.
//!
//! Measured at the socket and not at the body, because hyper takes a body
//! before it has sent it and hands an answer on after it has read it. A write is
//! stamped before it is made: over loopback the peer often runs before the writer
//! does again, and its work would not count.
//!
//! If told to, it also keeps the head of the next answer as it came: a real
//! dendrite tells upper from lower case in header names, and hyper does not.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Of an answer's head as it came, in bytes.
const HEAD_BYTES_MAX: usize = 32 << 10;

/// Nanoseconds since the connection was made; 0 is never.
#[derive(Debug)]
pub(super) struct Stamps {
    epoch: Instant,
    written_bytes: AtomicU64,
    last_write: AtomicU64,
    first_read: AtomicU64,
    last_read: AtomicU64,
    keeps_head: AtomicBool,
    head: Mutex<Vec<u8>>,
}

impl Stamps {
    fn new() -> Self {
        Self {
            epoch: Instant::now(),
            written_bytes: AtomicU64::new(0),
            last_write: AtomicU64::new(0),
            first_read: AtomicU64::new(0),
            last_read: AtomicU64::new(0),
            keeps_head: AtomicBool::new(false),
            head: Mutex::default(),
        }
    }

    /// Forgets the request before.
    pub(super) fn begin(&self) {
        for stamp in [
            &self.written_bytes,
            &self.last_write,
            &self.first_read,
            &self.last_read,
        ] {
            stamp.store(0, Ordering::Release);
        }
    }

    /// Keeps what the next answer begins with.
    pub(super) fn keep_head(&self) {
        self.keeps_head.store(true, Ordering::Release);
    }

    /// What was kept; nothing is kept any more.
    pub(super) fn take_head(&self) -> Vec<u8> {
        self.keeps_head.store(false, Ordering::Release);
        std::mem::take(&mut self.head.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether any byte of an answer came.
    pub(super) fn has_read(&self) -> bool {
        self.first_read.load(Ordering::Acquire) != 0
    }

    /// From the last byte sent to the last received; `None` if the answer began
    /// before all `request_bytes` were out.
    pub(super) fn elapsed(&self, request_bytes: u64) -> Option<Duration> {
        let written = self.written_bytes.load(Ordering::Acquire);
        let wrote = self.last_write.load(Ordering::Acquire);
        let first_read = self.first_read.load(Ordering::Acquire);
        let last_read = self.last_read.load(Ordering::Acquire);
        if written < request_bytes || first_read < wrote {
            return None;
        }
        Some(Duration::from_nanos(last_read.saturating_sub(wrote)))
    }

    fn now(&self) -> u64 {
        let since = self.epoch.elapsed().as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX).max(1)
    }

    fn wrote(&self, bytes: usize, began: u64) {
        if bytes > 0 {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.written_bytes.fetch_add(bytes, Ordering::AcqRel);
            self.last_write.store(began, Ordering::Release);
        }
    }

    fn read(&self, bytes: &[u8]) {
        let now = self.now();
        self.last_read.store(now, Ordering::Release);
        // Only the first one counts; whoever else set it was earlier.
        let _ = self
            .first_read
            .compare_exchange(0, now, Ordering::AcqRel, Ordering::Acquire);
        if self.keeps_head.load(Ordering::Acquire) {
            let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
            let room = HEAD_BYTES_MAX.saturating_sub(head.len());
            head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }
}

/// A socket whose bytes leave stamps.
pub(super) struct Stamped {
    stream: TcpStream,
    stamps: Arc<Stamps>,
}

impl Stamped {
    pub(super) fn new(stream: TcpStream) -> (Self, Arc<Stamps>) {
        let stamps = Arc::new(Stamps::new());
        let stamped = Self {
            stream,
            stamps: Arc::clone(&stamps),
        };
        (stamped, stamps)
    }
}

impl AsyncRead for Stamped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.stamps.read(&buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stamped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let began = self.stamps.now();
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.stamps.wrote(written, began);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let began = self.stamps.now();
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        self.stamps.wrote(written, began);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
