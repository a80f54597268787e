//! The configuration that would allow what was refused: what to type next.
//!
//! Made of what an operator granted and of what a component wants. The latter is
//! a stranger's text: it becomes TOML only as an [`Origin`] or a plain name.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::subnet::address::AddressPolicy;
use crate::subnet::grant::{Credential, Grant, Grants, Origin, OriginError, Source, Usage};
use crate::subnet::provider::Want;
use crate::subnet::text::escape;

use super::proof::Proof;
use super::vault::{Unreadable, Vault};

/// A key of a table, to be read in a sentence.
pub(super) fn below(table: &str, line: &str) -> String {
    format!("below [{table}] write: {line}")
}

/// The line that grants `origin` beside what is granted already.
pub(super) fn grant_origin(grants: &Grants, plugin: &str, origin: &Origin) -> String {
    let granted = grants.plugins.get(plugin).cloned().unwrap_or_default();
    let (key, mut origins) = match place(origin) {
        Ok(Place::Private) => ("private-origins", granted.private_origins),
        Ok(Place::Public) => ("origins", granted.origins),
        Err(why) => return format!("{origin} cannot be granted: {why}"),
    };
    origins.insert(origin.clone());
    below(&table(plugin), &list(key, &origins))
}

/// The line that lets `origin` be at a private address.
pub(super) fn grant_private(grants: &Grants, plugin: &str, origin: &Origin) -> String {
    let granted = grants.plugins.get(plugin).cloned().unwrap_or_default();
    let mut origins = granted.private_origins;
    origins.insert(origin.clone());
    below(&table(plugin), &list("private-origins", &origins))
}

/// The line that binds a credential to a plugin and an origin, or all of it where
/// there is none.
pub(super) fn bind(
    grants: &Grants,
    plugin: &str,
    name: &str,
    usage: &Usage,
    origin: &Origin,
) -> String {
    let table = format!("credentials.{name}");
    let Some(credential) = grants.credentials.get(name) else {
        let new = new_credential(plugin, name, usage.clone(), [origin.clone()].into());
        return below(&table, &credential_lines(&new).join("; "));
    };
    let mut lines = Vec::new();
    if !credential.origins.contains(origin) {
        lines.push(list("origins", credential.origins.iter().chain([origin])));
    }
    if !credential.plugins.contains(plugin) {
        let plugins = credential.plugins.iter().map(String::as_str);
        lines.push(list("plugins", plugins.chain([plugin])));
    }
    below(&table, &lines.join("; "))
}

/// TOML that would grant all of `wants` to `plugin`; empty if nothing is missing.
/// Comments say what no line can mend.
pub(super) fn missing(grants: &Grants, vault: &Vault, plugin: &str, wants: &[Want]) -> Vec<String> {
    let granted = grants.plugins.get(plugin).cloned().unwrap_or_default();
    let (mut grant, mut notes) = (granted.clone(), Vec::new());
    let mut origins = BTreeSet::new();
    for want in wants {
        match want {
            Want::Machine => grant.machine = true,
            Want::HttpOrigin(text) => match wanted(text) {
                Ok((_, origin)) if reaches(&granted, &origin) => {
                    origins.insert(origin);
                }
                Ok((place, origin)) => {
                    origins.insert(origin.clone());
                    match place {
                        Place::Public => grant.origins.insert(origin),
                        Place::Private => grant.private_origins.insert(origin),
                    };
                }
                Err(why) => notes.push(format!("# {why}")),
            },
            Want::Credential(_) => {}
        }
    }
    let mut lines = notes;
    if grant != granted {
        lines.push(format!("[{}]", table(plugin)));
        lines.extend(grant_lines(&grant));
    }
    for want in wants {
        if let Want::Credential(name) = want {
            lines.extend(credential(grants, vault, plugin, name, &origins));
        }
    }
    lines
}

enum Place {
    Public,
    Private,
}

/// Where an origin belongs, as far as its own text tells.
fn place(origin: &Origin) -> Result<Place, String> {
    if origin.is_loopback() {
        return Ok(Place::Private);
    }
    let Some(address) = origin.address() else {
        return Ok(Place::Public);
    };
    let address = SocketAddr::new(address, origin.port());
    let judged = |policy: AddressPolicy| policy.check(&address);
    match judged(AddressPolicy::AllowPrivate) {
        Err(why) => Err(why.to_string()),
        Ok(()) if judged(AddressPolicy::PublicOnly).is_ok() => Ok(Place::Public),
        Ok(()) => Ok(Place::Private),
    }
}

fn wanted(text: &str) -> Result<(Place, Origin), String> {
    let refused = |why: String| {
        format!(
            "it wants `{}`, which cannot be granted: {why}",
            escape(text)
        )
    };
    let origin: Origin = text
        .parse()
        .map_err(|why: OriginError| refused(why.to_string()))?;
    Ok((place(&origin).map_err(refused)?, origin))
}

fn reaches(grant: &Grant, origin: &Origin) -> bool {
    grant.origins.contains(origin) || grant.private_origins.contains(origin)
}

/// What is missing for one credential.
fn credential(
    grants: &Grants,
    vault: &Vault,
    plugin: &str,
    name: &str,
    origins: &BTreeSet<Origin>,
) -> Vec<String> {
    if !is_name(name) {
        let shown = escape(name);
        return vec![format!(
            "# it wants the credential `{shown}`, which is no name for one"
        )];
    }
    let Some(bound) = grants.credentials.get(name) else {
        let is_aws = origins
            .iter()
            .any(|origin| origin.host().ends_with(".amazonaws.com"));
        let usage = if is_aws { Usage::SigV4 } else { Usage::Bearer };
        let new = new_credential(plugin, name, usage, origins.clone());
        let table = format!("[credentials.{name}]");
        return std::iter::once(table)
            .chain(credential_lines(&new))
            .collect();
    };
    if !bound.plugins.contains(plugin) || bound.origins.is_disjoint(origins) && !origins.is_empty()
    {
        let mut whole = bound.clone();
        whole.plugins.insert(plugin.to_owned());
        if bound.origins.is_disjoint(origins) {
            whole.origins.extend(origins.iter().cloned());
        }
        let table = format!("[credentials.{name}]");
        return std::iter::once(table)
            .chain(credential_lines(&whole))
            .collect();
    }
    match Proof::read(vault, bound) {
        Ok(_) => Vec::new(),
        Err(why) => vec![format!("# {}", unreadable(name, &why))],
    }
}

/// For the operator alone.
pub(super) fn unreadable(name: &str, why: &Unreadable) -> String {
    format!("the credential `{name}` cannot be used: {why}")
}

fn is_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.is_empty() && name.bytes().all(is_plain)
}

fn new_credential(plugin: &str, name: &str, usage: Usage, origins: BTreeSet<Origin>) -> Credential {
    let variable = name.to_ascii_uppercase().replace('-', "_");
    let variables = match usage {
        Usage::SigV4 => ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
            .map(str::to_owned)
            .to_vec(),
        _ => vec![variable],
    };
    Credential {
        source: Source::Environment(variables),
        usage,
        origins,
        plugins: [plugin.to_owned()].into(),
    }
}

fn credential_lines(credential: &Credential) -> Vec<String> {
    vec![
        format!("from = {}", quoted(&credential.source.to_string())),
        format!("as = {}", quoted(&credential.usage.to_string())),
        list("origins", &credential.origins),
        list("plugins", &credential.plugins),
    ]
}

fn grant_lines(grant: &Grant) -> Vec<String> {
    let mut lines = Vec::new();
    if !grant.origins.is_empty() {
        lines.push(list("origins", &grant.origins));
    }
    if !grant.private_origins.is_empty() {
        lines.push(list("private-origins", &grant.private_origins));
    }
    if grant.machine {
        lines.push("machine = true".to_owned());
    }
    lines
}

fn table(plugin: &str) -> String {
    format!("plugins.{plugin}.grant")
}

fn list<T: ToString>(key: &str, items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items
        .into_iter()
        .map(|item| quoted(&item.to_string()))
        .collect();
    format!("{key} = [{}]", items.join(", "))
}

/// As TOML writes a text.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
