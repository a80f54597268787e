//! `Sudo.sudo` and the batches of `Utility`.

use scale_value::Value;

use super::{Context, DispatchError, Origin, check, dispatch};
use crate::devchain::call::{Call, OnFailure};

/// `sudo`: the key's holder calls as root. Whether the call succeeds is told by
/// the event; `sudo` itself does.
pub(super) fn sudo(
    context: &mut Context<'_, '_>,
    signer: [u8; 32],
    call: &Call,
) -> Result<(), DispatchError> {
    let key: Option<[u8; 32]> = context.state.find("Sudo", "Key", &[])?;
    if key != Some(signer) {
        return Err(DispatchError::Module {
            pallet: "Sudo",
            name: "RequireSudo",
        });
    }
    let outcome = context.attempt(|context| dispatch(context, Origin::Root, call));
    let result = match outcome {
        Ok(()) => Value::unnamed_variant("Ok", [Value::unnamed_composite([])]),
        Err(error) => {
            let error = error.value(context.state.codec())?;
            Value::unnamed_variant("Err", [error])
        }
    };
    context.deposit_named("Sudo", "Sudid", [("sudo_result", result)]);
    Ok(())
}

/// `batch`, `batch_all` and `force_batch`.
pub(super) fn batch(
    context: &mut Context<'_, '_>,
    origin: Origin,
    calls: &[Call],
    on_failure: OnFailure,
) -> Result<(), DispatchError> {
    let mut failed = false;
    for (index, call) in (0_u64..).zip(calls) {
        let outcome = context.attempt(|context| one(context, origin, call));
        match (outcome, on_failure) {
            (Ok(()), _) => context.deposit_named("Utility", "ItemCompleted", []),
            (Err(error), OnFailure::RollBack) => return Err(error),
            (Err(error), OnFailure::Stop) => {
                let error = error.value(context.state.codec())?;
                let index = Value::u128(u128::from(index));
                let fields = [("index", index), ("error", error)];
                context.deposit_named("Utility", "BatchInterrupted", fields);
                return Ok(());
            }
            (Err(error), OnFailure::GoOn) => {
                failed = true;
                let error = error.value(context.state.codec())?;
                context.deposit_named("Utility", "ItemFailed", [("error", error)]);
            }
        }
    }
    let name = match failed {
        true => "BatchCompletedWithErrors",
        false => "BatchCompleted",
    };
    context.deposit_named("Utility", name, []);
    Ok(())
}

/// A call inside a batch meets the pool's rules as well.
fn one(context: &mut Context<'_, '_>, origin: Origin, call: &Call) -> Result<(), DispatchError> {
    if let Origin::Signed(signer) = origin {
        check(context, signer, call)?;
    }
    dispatch(context, origin, call)
}
