//! Who may call a miner.
//!
//! The axon has proved whose key it is; this says whether the key is welcome.
//! Fails closed: before the first metagraph only the operator's own lists are.
//! A renter need not be registered, and may ask for nothing but rentals and a
//! description; renting is its own permission, because it costs the operator.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::subnet::chain::Metagraph;
use crate::subnet::key::AccountId;
use crate::subnet::rental::RentError;
use crate::subnet::wire::Refusal;

/// The operator's rules.
#[derive(Debug, Clone, Default)]
pub struct GateOptions {
    /// Callers need a validator permit.
    pub require_permit: bool,
    /// Callers need this much stake in the subnet, in rao.
    pub min_stake_rao: u64,
    /// Always welcome, registered or not.
    pub allow: HashSet<AccountId>,
    /// Never welcome.
    pub deny: HashSet<AccountId>,
    /// May rent, registered or not.
    pub renters: HashSet<AccountId>,
    /// Welcome callers that hold a validator permit may rent as well.
    pub validators_rent: bool,
}

/// The rules and the newest metagraph.
pub struct Gate {
    options: GateOptions,
    metagraph: ArcSwapOption<Metagraph>,
}

impl Gate {
    /// Nobody but the allowed is welcome until [`Gate::learn`] was called.
    pub fn new(options: GateOptions) -> Self {
        Self {
            options,
            metagraph: ArcSwapOption::empty(),
        }
    }

    /// Takes over a newer metagraph.
    pub fn learn(&self, metagraph: Arc<Metagraph>) {
        self.metagraph.store(Some(metagraph));
    }

    /// What `caller` has at stake in the subnet, as far as the chain was seen.
    pub fn stake_rao(&self, caller: &AccountId) -> u64 {
        let metagraph = self.metagraph.load();
        let neuron = metagraph
            .as_ref()
            .and_then(|metagraph| metagraph.neuron(caller));
        neuron.map_or(0, |neuron| neuron.stake_rao)
    }

    /// Whether `caller` is welcome, be it as a renter only; the refusal says what
    /// it lacks.
    pub fn admit(&self, caller: &AccountId) -> Result<(), Refusal> {
        if self.is_listed_renter(caller) {
            return Ok(());
        }
        self.admit_challenger(caller)
    }

    /// Whether `caller` may rent.
    pub fn admit_renter(&self, caller: &AccountId) -> Result<(), RentError> {
        if self.is_listed_renter(caller) {
            return Ok(());
        }
        let welcome = self.admit_challenger(caller);
        welcome.map_err(|refusal| RentError::Forbidden(refusal.to_string()))?;
        let metagraph = self.metagraph.load();
        let holds_permit = metagraph
            .as_ref()
            .and_then(|metagraph| metagraph.neuron(caller))
            .is_some_and(|neuron| neuron.validator_permit);
        if self.options.validators_rent && holds_permit {
            return Ok(());
        }
        let why =
            "your hotkey may not rent here; the miner's operator lists renters in rentals.renters";
        Err(RentError::Forbidden(why.to_owned()))
    }

    fn is_listed_renter(&self, caller: &AccountId) -> bool {
        let GateOptions { renters, deny, .. } = &self.options;
        renters.contains(caller) && !deny.contains(caller)
    }

    /// Whether `caller` may take this miner's time; a renter alone may not.
    pub fn admit_challenger(&self, caller: &AccountId) -> Result<(), Refusal> {
        let forbidden = |why: &str| Err(Refusal::Forbidden(why.into()));
        if self.options.deny.contains(caller) {
            return forbidden("this miner does not serve your hotkey");
        }
        if self.options.allow.contains(caller) {
            return Ok(());
        }
        let metagraph = self.metagraph.load();
        let Some(metagraph) = metagraph.as_ref() else {
            return forbidden("this miner has not seen the chain yet; try again in a minute");
        };
        let Some(neuron) = metagraph.neuron(caller) else {
            return forbidden("your hotkey is not registered in this subnet");
        };
        if self.options.require_permit && !neuron.validator_permit {
            return forbidden("your hotkey holds no validator permit in this subnet");
        }
        if neuron.stake_rao < self.options.min_stake_rao {
            return forbidden("your hotkey has less stake than this miner asks for");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::subnet::chain::testing::{metagraph, neuron};

    fn gate(options: GateOptions) -> Gate {
        let gate = Gate::new(options);
        let mut validator = neuron(0);
        validator.validator_permit = true;
        validator.stake_rao = 1_000;
        gate.learn(Arc::new(metagraph(vec![validator, neuron(1)])));
        gate
    }

    fn permits() -> GateOptions {
        GateOptions {
            require_permit: true,
            ..GateOptions::default()
        }
    }

    #[test]
    fn a_validator_with_a_permit_is_welcome() {
        assert_eq!(gate(permits()).admit(&neuron(0).hotkey), Ok(()));
    }

    #[test]
    fn a_neuron_without_a_permit_is_told_so() {
        let refusal = gate(permits()).admit(&neuron(1).hotkey).unwrap_err();
        assert!(refusal.to_string().contains("permit"), "{refusal}");
    }

    #[test]
    fn stake_is_what_the_chain_says() {
        let gate = gate(GateOptions::default());
        assert_eq!(gate.stake_rao(&neuron(0).hotkey), 1_000);
        assert_eq!(gate.stake_rao(&neuron(9).hotkey), 0);
    }

    #[test]
    fn a_stranger_is_refused() {
        let refusal = gate(GateOptions::default())
            .admit(&neuron(9).hotkey)
            .unwrap_err();
        assert!(refusal.to_string().contains("not registered"), "{refusal}");
    }

    #[test]
    fn too_little_stake_is_refused() {
        let options = GateOptions {
            min_stake_rao: 1_001,
            ..GateOptions::default()
        };
        assert!(gate(options).admit(&neuron(0).hotkey).is_err());
    }

    #[test]
    fn a_denied_key_is_refused_even_when_allowed() {
        let key = neuron(0).hotkey;
        let lists = GateOptions {
            allow: [key].into(),
            deny: [key].into(),
            ..GateOptions::default()
        };
        assert!(gate(lists).admit(&key).is_err());
    }

    #[test]
    fn validators_rent_by_default_and_other_neurons_do_not() {
        let options = || GateOptions {
            validators_rent: true,
            ..GateOptions::default()
        };
        assert_eq!(gate(options()).admit_renter(&neuron(0).hotkey), Ok(()));
        assert!(gate(options()).admit_renter(&neuron(1).hotkey).is_err());
        let closed = gate(GateOptions::default());
        assert!(closed.admit_renter(&neuron(0).hotkey).is_err());
    }

    #[test]
    fn a_listed_renter_rents_and_challenges_nobody() {
        let key = neuron(9).hotkey;
        let listed = |deny: HashSet<AccountId>| {
            gate(GateOptions {
                renters: [key].into(),
                deny,
                ..GateOptions::default()
            })
        };
        let open = listed(HashSet::new());
        assert_eq!(open.admit(&key), Ok(()));
        assert_eq!(open.admit_renter(&key), Ok(()));
        assert!(open.admit_challenger(&key).is_err());
        let denied = listed([key].into());
        assert!(denied.admit(&key).is_err());
        assert!(denied.admit_renter(&key).is_err());
    }

    #[test]
    fn before_the_chain_was_seen_only_the_allowed_are_welcome() {
        let allowed = GateOptions {
            allow: [neuron(3).hotkey].into(),
            ..GateOptions::default()
        };
        let gate = Gate::new(allowed);
        assert_eq!(gate.admit(&neuron(3).hotkey), Ok(()));
        assert!(gate.admit(&neuron(0).hotkey).is_err());
    }
}
