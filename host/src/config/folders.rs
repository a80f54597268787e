//! Where this platform keeps configuration and state.
//!
//! Linux: `$XDG_CONFIG_HOME/host` and `$XDG_STATE_HOME/host`. Apple:
//! `~/Library/Preferences` and `~/Library/Application Support`, Windows:
//! `AppData`. Finds folders; makes none.

use std::path::{Path, PathBuf};

use etcetera::app_strategy::{AppStrategy, AppStrategyArgs, choose_native_strategy};

use super::Role;

/// The user's folders, as far as the node minds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// For `~` in paths.
    pub home: PathBuf,
    /// Where `miner.toml` and `validator.toml` are looked for.
    pub config: PathBuf,
    /// Holds a state folder for each role.
    pub state: PathBuf,
}

impl Folders {
    /// Of the user who runs this; nothing where there is no home folder.
    pub fn of_this_user() -> Option<Self> {
        let strategy = choose_native_strategy(AppStrategyArgs {
            top_level_domain: "io.github".to_owned(),
            author: "compute-subnet".to_owned(),
            app_name: "host".to_owned(),
        })
        .ok()?;
        Some(Self {
            home: strategy.home_dir().to_owned(),
            config: strategy.config_dir(),
            state: strategy.state_dir().unwrap_or_else(|| strategy.data_dir()),
        })
    }

    /// Where a role's file is looked for.
    pub fn config_file(&self, role: Option<Role>) -> PathBuf {
        self.config.join(match role {
            Some(Role::Miner) => "miner.toml",
            Some(Role::Validator) => "validator.toml",
            None => "host.toml",
        })
    }

    /// A role's state folder, unless it is configured.
    pub fn state_folder(&self, role: Option<Role>) -> PathBuf {
        match role {
            Some(role) => self.state.join(role.as_str()),
            None => self.state.clone(),
        }
    }

    /// `path` with a leading `~` replaced by the home folder.
    pub fn expand(&self, path: &str) -> PathBuf {
        match path.strip_prefix('~') {
            Some("") => self.home.clone(),
            Some(rest) if rest.starts_with('/') => self.home.join(&rest[1..]),
            _ => Path::new(path).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_home_and_another_users_tilde_is_left_alone() {
        let folders = Folders {
            home: "/h".into(),
            config: "/c".into(),
            state: "/s".into(),
        };
        assert_eq!(folders.expand("~/w"), Path::new("/h/w"));
        assert_eq!(folders.expand("~"), Path::new("/h"));
        assert_eq!(folders.expand("~bob/w"), Path::new("~bob/w"));
    }
}
