//! Builds a block: what it begins with, then each extrinsic in turn.

use parity_scale_codec::{Compact, Encode as _};
use scale_value::{Composite, Value};

use super::super::balances;
use super::super::call::Call;
use super::super::codec::{CodecError, Key};
use super::super::dispatch::{self, Context, Origin};
use super::super::drand;
use super::super::epoch;
use super::super::event::{Events, Phase, number};
use super::super::extrinsic::{Extrinsic, Implied};
use super::super::invalid::Invalid;
use super::super::pool::Pending;
use super::super::runtime::Runtime;
use super::super::shield::Shield;
use super::super::state::State;
use super::super::store::Changes;
use super::Ledger;

/// Extrinsics in a block; the rest waits for the next.
const MAX_BLOCK_EXTRINSICS: usize = 512;
/// Nonces an extrinsic may be ahead of its signer's next.
const MAX_FUTURE_NONCES: u64 = 64;

/// What a block comes to.
pub(super) struct Built {
    /// What it changes.
    pub(super) changes: Changes,
    /// What is in it, the inherent first.
    pub(super) extrinsics: Vec<Vec<u8>>,
    /// What becomes of each that waited.
    pub(super) fates: Vec<Fate>,
}

/// Whether it is an extrinsic's turn.
pub(super) enum Turn {
    /// Its nonce is the next.
    Now,
    /// Others must come first.
    Later,
}

/// What a block makes of an extrinsic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is in the block, whether its call succeeded or not.
    Included,
    /// It stays in the pool.
    Waits,
    /// It can never be included.
    Invalid,
}

/// The block being built.
struct Place<'p, 'a> {
    state: &'p mut State<'a>,
    events: &'p mut Events,
    height: u64,
    extrinsics: &'p mut Vec<Vec<u8>>,
}

impl Ledger {
    /// Carries out a block without making it the head.
    pub(super) fn build(
        &self,
        height: u64,
        now_ms: u64,
        pending: &[Pending],
    ) -> Result<Built, CodecError> {
        let mut state = self.state(self.head);
        let mut events = Events::default();
        let mut extrinsics = vec![self.initialize(&mut state, &mut events, height, now_ms)?];
        let mut fates = Vec::with_capacity(pending.len());
        for pending in pending {
            if extrinsics.len() > MAX_BLOCK_EXTRINSICS {
                fates.push(Fate::Waits);
                continue;
            }
            let Pending {
                extrinsic, call, ..
            } = pending;
            let mut place = Place {
                state: &mut state,
                events: &mut events,
                height,
                extrinsics: &mut extrinsics,
            };
            fates.push(self.include(&mut place, extrinsic, call)?);
            self.unshield(&mut place, fates.last(), call)?;
        }
        if let Some(runtime) = &self.upgrade {
            announce(&mut state, &mut events, runtime)?;
        }
        events.retain(self.codec());
        let count = u32::try_from(events.len()).unwrap_or(u32::MAX);
        state.put("System", "EventCount", &[], &count)?;
        state.put("System", "Events", &[], &events.into_value())?;
        Ok(Built {
            changes: state.into_changes(),
            extrinsics,
            fates,
        })
    }

    /// What every block begins with; gives the inherent.
    fn initialize(
        &self,
        state: &mut State<'_>,
        events: &mut Events,
        height: u64,
        now_ms: u64,
    ) -> Result<Vec<u8>, CodecError> {
        let number = u32::try_from(height).map_err(|_| CodecError("height".into()))?;
        let parent = Key::U32(number.saturating_sub(1));
        state.put("System", "Number", &[], &number)?;
        state.put("System", "ParentHash", &[], &self.head().hash)?;
        state.put("System", "BlockHash", &[parent], &self.head().hash)?;
        let mut context = Context {
            state,
            events,
            phase: Phase::Initialization,
            block: height,
            allow_loopback: self.allow_loopback,
        };
        epoch::initialize(&mut context, self.reveals)?;
        let last: u64 = context.state.get("Timestamp", "Now", &[])?;
        let now = now_ms.max(last + 1);
        context.state.put("Timestamp", "Now", &[], &now)?;
        drand::speak(&mut context, now, self.signed_until)?;
        context
            .events
            .outcome(self.codec(), 0, "Mandatory", &Ok(()))?;
        self.inherent(now)
    }

    /// `Timestamp.set`, unsigned.
    fn inherent(&self, now_ms: u64) -> Result<Vec<u8>, CodecError> {
        let call = self.codec().call_index("Timestamp", "set")?;
        let mut body = vec![4];
        body.extend_from_slice(&call);
        Compact(now_ms).encode_to(&mut body);
        Ok(body.encode())
    }

    /// Carries out an extrinsic, if it is valid and its turn has come.
    fn include(
        &self,
        place: &mut Place<'_, '_>,
        extrinsic: &Extrinsic,
        call: &Call,
    ) -> Result<Fate, CodecError> {
        match self.validate(place.state, extrinsic, call, place.height) {
            Ok(Turn::Now) => {}
            Ok(Turn::Later) => return Ok(Fate::Waits),
            Err(_) => return Ok(Fate::Invalid),
        }
        if let Call::SubmitEncrypted(carrier) = call
            && self.shield.admit(carrier).is_err()
        {
            return Ok(Fate::Invalid);
        }
        let index = u32::try_from(place.extrinsics.len()).unwrap_or(u32::MAX);
        self.apply(place, index, extrinsic, call)?;
        place.extrinsics.push(extrinsic.bytes.clone());
        Ok(Fate::Included)
    }

    fn apply(
        &self,
        place: &mut Place<'_, '_>,
        index: u32,
        extrinsic: &Extrinsic,
        call: &Call,
    ) -> Result<(), CodecError> {
        let mut info = balances::read(place.state, extrinsic.signer)?;
        info.nonce = info.nonce.saturating_add(1);
        balances::write(place.state, extrinsic.signer, &info)?;
        let mut context = Context {
            state: place.state,
            events: place.events,
            phase: Phase::Extrinsic(index),
            block: place.height,
            allow_loopback: self.allow_loopback,
        };
        let origin = Origin::Signed(extrinsic.signer);
        let outcome = context.attempt(|context| dispatch::dispatch(context, origin, call));
        place
            .events
            .outcome(self.codec(), index, "Normal", &outcome)
    }

    /// Opens a carrier that was included, and includes what it carries.
    fn unshield(
        &self,
        place: &mut Place<'_, '_>,
        carrier: Option<&Fate>,
        call: &Call,
    ) -> Result<(), CodecError> {
        let (Some(Fate::Included), Call::SubmitEncrypted(sealed)) = (carrier, call) else {
            return Ok(());
        };
        let Some(bytes) = self.shield.open(sealed) else {
            tracing::debug!("a shielded extrinsic could not be opened");
            return Ok(());
        };
        let carried = Extrinsic::decode(self.codec(), &bytes)
            .and_then(|inner| Ok((Call::decode(self.codec(), &inner.call)?, inner)));
        match carried {
            Ok((Call::SubmitEncrypted(_), _)) => {
                tracing::debug!("a shielded extrinsic carries another");
            }
            Ok((call, inner)) => {
                let fate = self.include(place, &inner, &call)?;
                tracing::debug!(?fate, "a shielded extrinsic was opened");
            }
            Err(error) => tracing::debug!(%error, "a shielded extrinsic is none"),
        }
        Ok(())
    }

    /// Era, signature and nonce, then what the pool checks of the call.
    pub(super) fn validate(
        &self,
        state: &mut State<'_>,
        extrinsic: &Extrinsic,
        call: &Call,
        height: u64,
    ) -> Result<Turn, Invalid> {
        if extrinsic.metadata_hash {
            return Err(Invalid::CannotLookup);
        }
        let born = extrinsic.era.birth(height);
        let birth = match self.blocks.get(&born) {
            Some(block) if born < height => block.hash,
            _ => return Err(Invalid::AncientBirthBlock),
        };
        let (spec_version, transaction_version) = self.runtime().versions;
        let implied = Implied {
            spec_version,
            transaction_version,
            genesis: self.genesis,
            birth,
        };
        if !extrinsic.verify(self.codec(), &implied)? {
            return Err(Invalid::BadProof);
        }
        let next = u64::from(balances::read(state, extrinsic.signer)?.nonce);
        if extrinsic.nonce < next {
            return Err(Invalid::Stale);
        }
        if extrinsic.nonce > next.saturating_add(MAX_FUTURE_NONCES) {
            return Err(Invalid::Future);
        }
        if let Call::SubmitEncrypted(carrier) = call {
            Shield::check(carrier, extrinsic.era)?;
        }
        let context = Context {
            state,
            events: &mut Events::default(),
            phase: Phase::Initialization,
            block: height,
            allow_loopback: self.allow_loopback,
        };
        dispatch::check(&context, extrinsic.signer, call)
            .map_err(|error| Invalid::Custom(error.pool_code()))?;
        match extrinsic.nonce == next {
            true => Ok(Turn::Now),
            false => Ok(Turn::Later),
        }
    }
}

/// What a block leaves behind that exchanges the runtime.
fn announce(
    state: &mut State<'_>,
    events: &mut Events,
    runtime: &Runtime,
) -> Result<(), CodecError> {
    let last = Value::named_composite([
        ("spec_version", number(u64::from(runtime.versions.0))),
        ("spec_name", Value::string("node-subtensor")),
    ]);
    state.put("System", "LastRuntimeUpgrade", &[], &last)?;
    let nothing = Composite::unnamed([]);
    events.push(Phase::Initialization, "System", "CodeUpdated", nothing);
    Ok(())
}
