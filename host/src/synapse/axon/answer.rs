//! An answer's body: whole, or chunk by chunk while the service makes it.
//!
//! A stream holds what the request held (its turn, its share of the bytes) until
//! its last chunk was taken, and ends badly, so that the caller notices, when it
//! has more bytes than an answer may have.

use std::any::Any;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

/// A whole body, or one that is still being made.
pub(super) enum Answer {
    Whole(Option<Bytes>),
    Chunks {
        from: mpsc::Receiver<Vec<u8>>,
        bytes_left: usize,
        /// Given back with the last chunk.
        held: Box<dyn Any + Send>,
    },
}

impl Answer {
    pub(super) fn whole(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self::Whole((!body.is_empty()).then_some(body))
    }

    /// Chunks without a bound yet: the handler sets it, and what is held.
    pub(super) fn chunks(from: mpsc::Receiver<Vec<u8>>) -> Self {
        Self::Chunks {
            from,
            bytes_left: 0,
            held: Box::new(()),
        }
    }

    /// Bounds a stream and lets it hold `what`; a whole answer lets go of it.
    pub(super) fn hold(&mut self, bytes_max: usize, what: impl Any + Send) {
        if let Self::Chunks {
            bytes_left, held, ..
        } = self
        {
            *bytes_left = bytes_max;
            *held = Box::new(what);
        }
    }

    pub(super) fn streams(&self) -> bool {
        matches!(self, Self::Chunks { .. })
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Chunks {
                from, bytes_left, ..
            } => {
                let Some(chunk) = ready!(from.poll_recv(context)) else {
                    return Poll::Ready(None);
                };
                match bytes_left.checked_sub(chunk.len()) {
                    Some(left) => *bytes_left = left,
                    None => return Poll::Ready(Some(Err(io::Error::other("too many bytes")))),
                }
                Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => {
                let bytes = body.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(bytes).unwrap_or(u64::MAX))
            }
            Self::Chunks { .. } => SizeHint::default(),
        }
    }
}
