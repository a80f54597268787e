//! `host plugin keys`

use clap::Args;

use crate::cli::arguments::NodeArgs;
use crate::cli::table::{Column, print};
use crate::cli::{World, print_json};
use crate::plugin::{Registry, Sequences};
use crate::subnet::trust::{Rule, Trust};

/// Show whose signatures let plugins in here, and the numbers seen so far.
///
/// The rules are those of `[trust]` in the configuration. A publisher's number
/// lower than the one seen is refused, unless it is asked for.
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Keys {
    pub(super) fn execute(self, world: &mut World<'_>) -> anyhow::Result<()> {
        let settings = world.settings(&self.node)?;
        let seen = Registry::sequences(&settings.state_folder.join("plugins"))?;
        let rules = rules(&settings.trust);
        if self.json {
            return print_json(world.out, &json(&rules, &settings.trust, &seen));
        }
        if rules.is_empty() {
            writeln!(
                world.out,
                "nobody's signature lets a plugin in here; [trust.plugins.NAME] in the configuration names keys"
            )?;
        }
        let rows = rules
            .iter()
            .flat_map(|(name, rule)| rows(name, rule, &seen));
        let columns = ["rule", "needs", "key or pin", "seen"].map(Column::Text);
        if !rules.is_empty() {
            print(world.out, columns, rows)?;
        }
        for digest in &settings.trust.revoked_digests {
            writeln!(world.out, "revoked  {digest}")?;
        }
        for key in &settings.trust.revoked_keys {
            writeln!(world.out, "revoked  {key}")?;
        }
        Ok(())
    }
}

fn rules(trust: &Trust) -> Vec<(String, &Rule)> {
    let by_name = trust.by_name.iter();
    let by_subject = trust.by_subject.iter();
    by_name
        .map(|(name, rule)| (name.clone(), rule))
        .chain(by_subject.map(|(subject, rule)| (format!("any {subject}"), rule)))
        .collect()
}

fn rows(name: &str, rule: &Rule, seen: &Sequences) -> Vec<[String; 4]> {
    let number = |key: &str| {
        let number = seen.get(name).and_then(|by_key| by_key.get(key));
        number.map_or_else(|| "-".to_owned(), |seen| seen.sequence.to_string())
    };
    let needs = format!("{} of {}", rule.threshold, rule.keys.len());
    let keys = rule.keys.iter().map(|key| {
        let key = key.to_string();
        let number = number(&key);
        [name.to_owned(), needs.clone(), key, number]
    });
    let pins = rule.pins.iter();
    let pins = pins.map(|digest| [name, "pinned", &digest.to_string(), "-"].map(str::to_owned));
    keys.chain(pins).collect()
}

fn json(rules: &[(String, &Rule)], trust: &Trust, seen: &Sequences) -> serde_json::Value {
    let texts = |keys: &mut dyn Iterator<Item = String>| keys.collect::<Vec<_>>();
    let rules: Vec<_> = rules
        .iter()
        .map(|(name, rule)| {
            serde_json::json!({
                "rule": name,
                "threshold": rule.threshold,
                "keys": texts(&mut rule.keys.iter().map(ToString::to_string)),
                "pins": rule.pins,
            })
        })
        .collect();
    serde_json::json!({
        "rules": rules,
        "revoked-digests": trust.revoked_digests,
        "revoked-keys": texts(&mut trust.revoked_keys.iter().map(ToString::to_string)),
        "seen": seen,
    })
}
