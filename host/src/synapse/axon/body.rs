//! Reads a body of bounded size in bounded time out of a bounded total.

use std::net::IpAddr;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};

use super::super::status::Reply;
use super::shares::Share;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyTrouble {
    TooLarge(usize),
    TooSlow(u64),
    /// The bytes in flight are used up, by all or by this address.
    NoRoom,
    Broken,
}

/// A sender that is told to wait tries again after about this long.
const NO_ROOM_RETRY_MS: u32 = 1000;

/// Bytes are taken from `share` as they come: announcing costs nobody anything.
pub(super) async fn read(
    mut body: Incoming,
    bytes_max: usize,
    time: Duration,
    share: &mut Share<IpAddr>,
) -> Result<Vec<u8>, BodyTrouble> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(BodyTrouble::TooLarge(bytes_max));
    }
    let all = async {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BodyTrouble::Broken)?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if bytes.len() + data.len() > bytes_max {
                return Err(BodyTrouble::TooLarge(bytes_max));
            }
            if !share.grow(data.len()) {
                return Err(BodyTrouble::NoRoom);
            }
            bytes.extend_from_slice(data);
        }
        Ok(bytes)
    };
    let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    tokio::time::timeout(time, all)
        .await
        .unwrap_or(Err(BodyTrouble::TooSlow(time_ms)))
}

impl BodyTrouble {
    /// What a caller is told, in any protocol.
    pub(super) fn status_and_text(self) -> (StatusCode, String) {
        match self {
            Self::TooLarge(max) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("a body has at most {max} bytes here"),
            ),
            Self::TooSlow(ms) => (
                StatusCode::REQUEST_TIMEOUT,
                format!("the body did not come within {ms} ms"),
            ),
            Self::NoRoom => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many bodies are being read".to_owned(),
            ),
            Self::Broken => (
                StatusCode::BAD_REQUEST,
                "the body is not valid HTTP".to_owned(),
            ),
        }
    }
}

impl From<BodyTrouble> for Reply {
    fn from(trouble: BodyTrouble) -> Self {
        let (status, text) = trouble.status_and_text();
        match trouble {
            BodyTrouble::NoRoom => Self::busy(status, &text, NO_ROOM_RETRY_MS),
            _ => Self::detail(status, &text),
        }
    }
}
