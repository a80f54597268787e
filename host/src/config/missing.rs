//! What a node cannot guess, and what to type.

use std::fmt;

use super::{Role, Settings};

/// What is missing to run a node; its text says what to type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Missing {
    role: Option<Role>,
    needs: Vec<Need>,
    /// The flags that would complete it.
    line: String,
}

/// One thing that has no default.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Need {
    what: &'static str,
    flag: &'static str,
    key: &'static str,
}

const ROLE: Need = Need {
    what: "what to be",
    flag: "--role miner",
    key: "role = \"miner\"",
};
const NETWORK: Need = Need {
    what: "which chain",
    flag: "--subtensor.network finney",
    key: "network = \"finney\"",
};
const NETUID: Need = Need {
    what: "which subnet",
    flag: "--netuid 1",
    key: "netuid = 1",
};
const WALLET: Need = Need {
    what: "which wallet",
    flag: "--wallet.name default",
    key: "wallet.name = \"default\"",
};

impl Missing {
    pub(super) fn of(settings: &Settings) -> Self {
        let needs: Vec<Need> = [
            (settings.role.is_none(), ROLE),
            (settings.netuid.is_none(), NETUID),
            (settings.network.is_none(), NETWORK),
            (settings.wallet_name.is_none(), WALLET),
        ]
        .into_iter()
        .filter_map(|(missing, need)| missing.then_some(need))
        .collect();
        let flags: Vec<&str> = needs.iter().map(|need| need.flag).collect();
        Self {
            role: settings.role,
            line: flags.join(" "),
            needs,
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the node needs to be told")?;
        for need in &self.needs {
            writeln!(
                f,
                "  {:<13} {:<28} or in the file: {}",
                need.what, need.flag, need.key
            )?;
        }
        let role = self
            .role
            .map_or(String::new(), |role| format!(" --role {}", role.as_str()));
        write!(f, "type, say:\n  host run{role} {}", self.line)
    }
}
