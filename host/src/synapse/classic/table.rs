//! The messages a node knows, and what a body says in the words of each.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::body::BodyTrouble;
use super::coerce::coerce;
use super::headers::{Head, HeadTrouble};
use super::json;
use super::repr::repr;
use crate::subnet::synapse::{Declaration, Fields, Value};

/// The message every node answers, with nothing but that it is there.
pub const PING: &str = "Synapse";
/// Attributes that every synapse has.
const ENVELOPE: [&str; 8] = [
    "name",
    "timeout",
    "total_size",
    "header_size",
    "dendrite",
    "axon",
    "computed_body_hash",
    "required_hash_fields",
];
/// The longest name of a message or a field, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Why a declaration cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the synapse {synapse} cannot be declared: {why}")]
pub struct Undeclarable {
    /// Which one.
    pub synapse: String,
    /// What is wrong with it.
    pub why: String,
}

/// Messages by name, the ping first; in the order they were declared.
#[derive(Debug, Clone)]
pub struct Table {
    entries: Vec<Entry>,
    places: BTreeMap<String, usize>,
}

/// A declaration that was checked.
#[derive(Debug, Clone)]
pub struct Entry(Declaration);

impl Table {
    /// The ping and `declarations`.
    pub fn new(declarations: impl IntoIterator<Item = Declaration>) -> Result<Self, Undeclarable> {
        let mut table = Self {
            entries: Vec::new(),
            places: BTreeMap::new(),
        };
        table.add(Declaration::new(PING))?;
        for declaration in declarations {
            table.add(declaration)?;
        }
        Ok(table)
    }

    fn add(&mut self, declaration: Declaration) -> Result<(), Undeclarable> {
        let name = declaration.name.clone();
        let entry = Entry::new(declaration)?;
        if self
            .places
            .insert(name.clone(), self.entries.len())
            .is_some()
        {
            return Err(Undeclarable {
                synapse: name,
                why: "it is declared twice".to_owned(),
            });
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The message called `name`.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.places.get(name).map(|place| &self.entries[*place])
    }

    /// All names as Python prints a list of them.
    pub fn names(&self) -> String {
        let names = self
            .entries
            .iter()
            .map(|entry| entry.0.name.as_str().into());
        repr(&Value::List(names.collect()))
    }
}

impl Entry {
    /// Checks names, defaults and hash fields.
    pub fn new(declaration: Declaration) -> Result<Self, Undeclarable> {
        match trouble_with(&declaration) {
            None => Ok(Self(declaration)),
            Some(why) => Err(Undeclarable {
                synapse: declaration.name,
                why,
            }),
        }
    }

    /// What was declared.
    pub fn declaration(&self) -> &Declaration {
        &self.0
    }

    /// Whether the head announces every required field, as an axon asks for.
    pub fn check_announced(&self, head: &Head) -> Result<(), HeadTrouble> {
        let required = self.0.fields.iter().filter(|field| field.default.is_none());
        for field in required {
            let announced = head.inputs.get(&field.name.to_ascii_lowercase());
            let value = announced.and_then(|text| announced_value(text));
            if value.and_then(|value| coerce(value, &field.kind)).is_none() {
                return Err(HeadTrouble::Unannounced(field.name.clone()));
            }
        }
        Ok(())
    }

    /// `bt_header_input_obj_*` of a request: an empty value of each required
    /// field's type.
    pub fn announcements(&self, fields: &Fields) -> BTreeMap<String, String> {
        let required = self.0.fields.iter().filter(|field| field.default.is_none());
        required
            .filter_map(|field| {
                let empty = empty(fields.get(&field.name)?)?;
                Some((field.name.clone(), STANDARD.encode(empty)))
            })
            .collect()
    }

    /// Reads a body's fields; what is not declared is passed over.
    pub fn fields(&self, body: &[u8]) -> Result<Fields, BodyTrouble> {
        let text = std::str::from_utf8(body).map_err(|_| BodyTrouble::NotText)?;
        if text.is_empty() {
            return Err(BodyTrouble::Empty);
        }
        let Value::Dict(pairs) = json::read(text)? else {
            return Err(BodyTrouble::NotADict);
        };
        self.fields_of(pairs)
    }

    fn fields_of(&self, pairs: Vec<(Value, Value)>) -> Result<Fields, BodyTrouble> {
        let mut given: BTreeMap<String, Value> = pairs
            .into_iter()
            .filter_map(|(key, value)| match key {
                Value::Text(key) => Some((key, value)),
                _ => None,
            })
            .collect();
        let mut fields = Fields::default();
        for field in &self.0.fields {
            let value = match (given.remove(&field.name), &field.default) {
                (Some(value), _) => coerce(value, &field.kind)
                    .ok_or_else(|| BodyTrouble::Unfit(field.name.clone()))?,
                (None, Some(default)) => default.clone(),
                (None, None) => return Err(BodyTrouble::Missing(field.name.clone())),
            };
            fields.0.push((field.name.clone(), value));
        }
        Ok(fields)
    }

    /// Makes `fields` what the declaration says: its order, types and defaults.
    pub fn complete(&self, fields: Fields) -> Result<Fields, BodyTrouble> {
        let pairs = fields.0.into_iter();
        self.fields_of(pairs.map(|(name, value)| (name.into(), value)).collect())
    }

    /// The hash of what the declaration says is hashed; of completed fields.
    pub fn body_hash(&self, fields: &Fields) -> String {
        let hashed = self.0.hash_fields.iter();
        super::body_hash(hashed.map(|name| fields.get(name).unwrap_or(&Value::None)))
    }
}

fn trouble_with(declaration: &Declaration) -> Option<String> {
    let Declaration {
        name,
        fields,
        hash_fields,
        ..
    } = declaration;
    if !is_identifier(name) {
        return Some("its name is no class's name".to_owned());
    }
    for (index, field) in fields.iter().enumerate() {
        let own = &field.name;
        if !is_identifier(own) || ENVELOPE.contains(&own.as_str()) {
            return Some(format!("{own} cannot be a field"));
        }
        if fields[..index].iter().any(|earlier| earlier.name == *own) {
            return Some(format!("the field {own} is there twice"));
        }
        let default = field.default.clone();
        if default.is_some_and(|value| coerce(value, &field.kind).is_none()) {
            return Some(format!("the default of {own} is not of its type"));
        }
    }
    let unknown = hash_fields
        .iter()
        .find(|hashed| !fields.iter().any(|field| field.name == **hashed))?;
    Some(format!("the hash field {unknown} is no field"))
}

fn is_identifier(text: &str) -> bool {
    let begins_well = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let goes_on_well = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    begins_well && goes_on_well && text.len() <= NAME_BYTES_MAX
}

fn announced_value(text: &str) -> Option<Value> {
    let bytes = STANDARD.decode(text).ok()?;
    json::read(std::str::from_utf8(&bytes).ok()?).ok()
}

/// `json.dumps(type(value)())`; nothing for `None`, whose header Python leaves out.
fn empty(value: &Value) -> Option<&'static str> {
    match value {
        Value::None => None,
        Value::Bool(_) => Some("false"),
        Value::Int(_) => Some("0"),
        Value::Float(_) => Some("0.0"),
        Value::Text(_) | Value::Bytes(_) => Some("\"\""),
        Value::List(_) | Value::Tuple(_) => Some("[]"),
        Value::Dict(_) => Some("{}"),
    }
}
