//! Calls that hold calls.

use parity_scale_codec::{Compact, Decode as _};

use super::{Arguments, Call};
use crate::devchain::codec::Codec;
use crate::devchain::extrinsic::Malformed;

/// Calls in a batch; the rest of the runtime's limit is for its own weights.
const MAX_BATCH_CALLS: u32 = 256;

/// What a call of a batch that fails means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum OnFailure {
    /// `batch`: those before it stand, those after it do not come.
    Stop,
    /// `batch_all`: none stands.
    RollBack,
    /// `force_batch`: the others go on.
    GoOn,
}

/// `Sudo.sudo`'s call.
pub(super) fn sudo(codec: &Codec, bytes: &mut &[u8]) -> Result<Option<Call>, Malformed> {
    Ok(held(codec, bytes)?.map(|call| Call::Sudo(Box::new(call))))
}

/// The calls of a batch.
pub(super) fn batch(
    codec: &Codec,
    name: &str,
    bytes: &mut &[u8],
) -> Result<Option<Call>, Malformed> {
    let on_failure = match name {
        "batch" => OnFailure::Stop,
        "batch_all" => OnFailure::RollBack,
        "force_batch" => OnFailure::GoOn,
        _ => return Ok(None),
    };
    let Compact(count) =
        Compact::<u32>::decode(bytes).map_err(|error| Malformed(error.to_string()))?;
    if count > MAX_BATCH_CALLS {
        return Ok(None);
    }
    let mut calls = Vec::new();
    for _ in 0..count {
        match held(codec, bytes)? {
            Some(call) => calls.push(call),
            None => return Ok(None),
        }
    }
    Ok(Some(Call::Batch(calls, on_failure)))
}

/// A call inside another: covered and holding none itself, or `None`.
fn held(codec: &Codec, bytes: &mut &[u8]) -> Result<Option<Call>, Malformed> {
    Arguments::of(codec, bytes)?.flat(bytes)
}
