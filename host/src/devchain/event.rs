//! The events of the block being built, in the runtime's own types.

use scale_value::{Composite, Value};

use super::codec::{Codec, CodecError};
use super::dispatch::DispatchError;

/// Where in a block something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before any extrinsic.
    Initialization,
    /// In the extrinsic of this index.
    Extrinsic(u32),
}

/// Events in order.
#[derive(Default)]
pub(super) struct Events(Vec<Event>);

struct Event {
    pallet: String,
    name: String,
    record: Value<()>,
}

impl Events {
    /// How many there are, to come back to.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets all after the first `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Records an event of a pallet.
    pub(super) fn push(&mut self, phase: Phase, pallet: &str, name: &str, fields: Composite<()>) {
        let phase = match phase {
            Phase::Initialization => Value::unnamed_variant("Initialization", []),
            Phase::Extrinsic(index) => {
                Value::unnamed_variant("ApplyExtrinsic", [number(u64::from(index))])
            }
        };
        let event = Value::unnamed_variant(pallet, [Value::variant(name, fields)]);
        let record = Value::named_composite([
            ("phase", phase),
            ("event", event),
            ("topics", Value::unnamed_composite([])),
        ]);
        self.0.push(Event {
            pallet: pallet.to_owned(),
            name: name.to_owned(),
            record,
        });
    }

    /// Keeps the events that the runtime has: an older one lacks a few.
    pub(super) fn retain(&mut self, codec: &Codec) {
        self.0
            .retain(|event| codec.has_event(&event.pallet, &event.name));
    }

    /// Records how an extrinsic ended.
    pub(super) fn outcome(
        &mut self,
        codec: &Codec,
        index: u32,
        class: &str,
        outcome: &Result<(), DispatchError>,
    ) -> Result<(), CodecError> {
        let info = dispatch_info(class);
        let (name, fields) = match outcome {
            Ok(()) => ("ExtrinsicSuccess", vec![("dispatch_info", info)]),
            Err(error) => (
                "ExtrinsicFailed",
                vec![
                    ("dispatch_error", error.value(codec)?),
                    ("dispatch_info", info),
                ],
            ),
        };
        self.push(
            Phase::Extrinsic(index),
            "System",
            name,
            Composite::named(fields),
        );
        Ok(())
    }

    /// All of them, as `System.Events` holds them.
    pub(super) fn into_value(self) -> Value<()> {
        Value::unnamed_composite(self.0.into_iter().map(|event| event.record))
    }
}

fn dispatch_info(class: &str) -> Value<()> {
    Value::named_composite([
        ("weight", weight()),
        ("class", Value::unnamed_variant(class, [])),
        ("pays_fee", Value::unnamed_variant("No", [])),
    ])
}

/// No weight: nothing is metered here.
pub(super) fn weight() -> Value<()> {
    Value::named_composite([("ref_time", number(0)), ("proof_size", number(0))])
}

/// A number of any width.
pub(super) fn number(number: u64) -> Value<()> {
    Value::u128(u128::from(number))
}

/// An account.
pub(super) fn account(account: [u8; 32]) -> Value<()> {
    Value::from_bytes(account)
}
