//! The account's SSH keys, of which each order has one for as long as it lives.

use provider_kit::{Failure, Level, ORDER_TAG};
use serde::{Deserialize, Serialize};

use crate::Lambda;

/// How many keys of orders may lie in the account before an order tidies up.
pub(crate) const KEYS_MAX: usize = 32;
/// How many one order removes.
const REMOVED_PER_ORDER_MAX: usize = 4;

#[derive(Deserialize)]
struct Key {
    id: String,
    name: String,
    #[serde(default)]
    public_key: String,
}

#[derive(Serialize)]
struct Add<'a> {
    name: &'a str,
    public_key: &'a str,
}

/// Whether a key of that name is one that an order brought.
fn is_ours(name: &str) -> bool {
    name.strip_prefix(ORDER_TAG)
        .is_some_and(|rest| rest.starts_with('-'))
}

impl Lambda<'_> {
    /// Sees to it that the account has the key under this name; `used` are the
    /// names that machines have.
    pub(crate) fn bring_key(
        &self,
        name: &str,
        public_key: &str,
        used: &[String],
    ) -> Result<(), Failure> {
        let keys: Vec<Key> = self.get("/ssh-keys")?;
        match keys.iter().find(|key| key.name == name) {
            Some(key) if same(&key.public_key, public_key) => return Ok(()),
            // The same order with another key: the last one counts.
            Some(key) => self.delete(&format!("/ssh-keys/{}", key.id))?,
            None => self.tidy(&keys, used),
        }
        let _: Key = self.post("/ssh-keys", &Add { name, public_key })?;
        Ok(())
    }

    /// Removes a few keys that no machine has. One that another order brought a
    /// moment ago may be among them: its launch then fails, and is tried again.
    fn tidy(&self, keys: &[Key], used: &[String]) {
        let ours: Vec<&Key> = keys.iter().filter(|key| is_ours(&key.name)).collect();
        if ours.len() < KEYS_MAX {
            return;
        }
        let idle = ours.into_iter().filter(|key| !used.contains(&key.name));
        for key in idle.take(REMOVED_PER_ORDER_MAX) {
            self.remove(&key.id);
        }
    }

    /// Removes the keys of these names, if orders brought them. A key that stays
    /// is no reason to fail: it opens nothing that is not gone.
    pub(crate) fn remove_keys(&self, names: &[String]) {
        if !names.iter().any(|name| is_ours(name)) {
            return;
        }
        let keys: Vec<Key> = match self.get("/ssh-keys") {
            Ok(keys) => keys,
            Err(failure) => return self.say_left(&failure),
        };
        for key in keys
            .iter()
            .filter(|key| is_ours(&key.name) && names.contains(&key.name))
        {
            self.remove(&key.id);
        }
    }

    fn remove(&self, id: &str) {
        if let Err(failure) = self.delete(&format!("/ssh-keys/{id}")) {
            self.say_left(&failure);
        }
    }

    fn say_left(&self, failure: &Failure) {
        let line = format!("a key was left in the account: {failure:?}");
        self.outside.log(Level::Warn, &line);
    }
}

/// Whatever the comment.
fn same(a: &str, b: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.split_ascii_whitespace()
            .take(2)
            .map(str::to_owned)
            .collect()
    };
    words(a) == words(b)
}
