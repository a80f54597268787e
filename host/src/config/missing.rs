//! What a node cannot guess, and what to type.

use std::fmt;

use super::Settings;

/// What has no default and was not given; its text says what to type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Missing(Vec<Need>);

/// One thing that has no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Role,
    Netuid,
    Network,
    Wallet,
}

impl Need {
    pub(super) const ALL: [Self; 4] = [Self::Role, Self::Netuid, Self::Network, Self::Wallet];

    fn is_met(self, settings: &Settings) -> bool {
        match self {
            Self::Role => settings.role.is_some(),
            Self::Netuid => settings.netuid.is_some(),
            Self::Network => settings.network.is_some(),
            Self::Wallet => settings.wallet_name.is_some(),
        }
    }

    /// What it is, the flag, the variable and the line of the file.
    fn words(self) -> [&'static str; 4] {
        match self {
            Self::Role => [
                "what to be",
                "--role miner",
                "HOST_ROLE=miner",
                "role = \"miner\"",
            ],
            Self::Netuid => [
                "which subnet",
                "--netuid 12",
                "HOST_NETUID=12",
                "netuid = 12",
            ],
            Self::Network => [
                "which chain",
                "--subtensor.network finney",
                "HOST_NETWORK=finney",
                "network = \"finney\"",
            ],
            Self::Wallet => [
                "which wallet",
                "--wallet.name default",
                "HOST_WALLET_NAME=default",
                "wallet.name = \"default\"",
            ],
        }
    }
}

impl Missing {
    /// Those of `needs` that `settings` do not meet.
    pub(super) fn to(settings: &Settings, needs: &[Need]) -> Self {
        Self(
            needs
                .iter()
                .copied()
                .filter(|need| !need.is_met(settings))
                .collect(),
        )
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it needs to be told:")?;
        for need in &self.0 {
            let [what, _, variable, line] = need.words();
            write!(f, "\n  {what:<13} in the file: {line:<26} or {variable}")?;
        }
        let flags: Vec<&str> = self.0.iter().map(|need| need.words()[1]).collect();
        write!(f, "\nadd to the command, say:\n  {}", flags.join(" "))
    }
}
