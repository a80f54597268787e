//! Synapses: the messages of the classic wire, declared as data.
//!
//! A Python subnet writes a class for each message; its name is the route, its
//! annotations are the types, `required_hash_fields` says what the signature
//! covers. A [`Declaration`] says the same, so that a subnet's own messages are
//! entries of a table and no code of the server. Values are Python's: what is
//! signed is the hash of what `str()` makes of them, and `1`, `1.0` and `True`
//! are three texts.

/// A message: its route, its fields, what of it is signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// The class's name and the route: `Specs` is `POST /Specs`.
    pub name: String,
    /// In the order of the class.
    pub fields: Vec<Field>,
    /// Names of fields that the body's hash covers, in the order of
    /// `required_hash_fields`; a body without any is not signed at all.
    pub hash_fields: Vec<String>,
    /// Whether it is answered by a stream of chunks.
    pub streaming: bool,
}

/// One field of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The attribute's name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// `None` if it must be given.
    pub default: Option<Value>,
}

/// A type, as Python annotates it.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Whatever JSON says: `Any`.
    Any,
    /// `bool`
    Bool,
    /// `int`, of 128 bits here.
    Int,
    /// `float`
    Float,
    /// `str`
    Text,
    /// `bytes`, UTF-8 in JSON.
    Bytes,
    /// `list[T]`
    List(Box<Kind>),
    /// `tuple[T, U]`
    Tuple(Vec<Kind>),
    /// `dict[K, V]`
    Dict(Box<Kind>, Box<Kind>),
    /// `Optional[T]`
    Optional(Box<Kind>),
}

/// A Python value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `None`
    None,
    /// `True` or `False`
    Bool(bool),
    /// `int`
    Int(i128),
    /// `float`
    Float(f64),
    /// `str`
    Text(String),
    /// `bytes`
    Bytes(Vec<u8>),
    /// `list`
    List(Vec<Value>),
    /// `tuple`
    Tuple(Vec<Value>),
    /// `dict`, in the order of insertion; each key once.
    Dict(Vec<(Value, Value)>),
}

/// What a message carries, field by field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields(pub Vec<(String, Value)>);

/// What the original compute subnet's validators ask a miner for: its route.
pub const SPECS: &str = "Specs";
/// The field of [`SPECS`] that a miner fills: JSON, as text.
pub const SPECS_OUTPUT: &str = "specs_output";

/// [`SPECS`] as the original's `protocol.py` declares it.
pub fn specs() -> Declaration {
    Declaration::new(SPECS)
        .optional("specs_input", Kind::Text, "".into())
        .optional(SPECS_OUTPUT, Kind::Text, "".into())
}

impl Declaration {
    /// A message without fields.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            fields: Vec::new(),
            hash_fields: Vec::new(),
            streaming: false,
        }
    }

    /// With a field that must be given.
    #[must_use]
    pub fn required(mut self, name: &str, kind: Kind) -> Self {
        self.fields.push(Field {
            name: name.to_owned(),
            kind,
            default: None,
        });
        self
    }

    /// With a field that may be left out.
    #[must_use]
    pub fn optional(mut self, name: &str, kind: Kind, default: Value) -> Self {
        self.fields.push(Field {
            name: name.to_owned(),
            kind,
            default: Some(default),
        });
        self
    }

    /// With these `required_hash_fields`.
    #[must_use]
    pub fn hashed(mut self, names: &[&str]) -> Self {
        self.hash_fields = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Answered by a stream.
    #[must_use]
    pub fn streamed(mut self) -> Self {
        self.streaming = true;
        self
    }
}

impl Kind {
    /// `dict`, as it stands without further types.
    pub fn any_dict() -> Self {
        Self::Dict(Box::new(Self::Any), Box::new(Self::Any))
    }

    /// `Optional[T]`
    pub fn or_none(self) -> Self {
        Self::Optional(Box::new(self))
    }
}

impl Value {
    /// A `dict` with texts for keys.
    pub fn dict<const N: usize>(pairs: [(&str, Value); N]) -> Self {
        Self::Dict(
            pairs
                .into_iter()
                .map(|(key, value)| (Self::from(key), value))
                .collect(),
        )
    }
}

impl Value {
    /// What a `dict` has for a text; nothing of other values.
    pub fn member(&self, name: &str) -> Option<&Value> {
        let Self::Dict(pairs) = self else {
            return None;
        };
        let found = pairs.iter().find(|(key, _)| key.text() == Some(name));
        found.map(|(_, value)| value)
    }

    /// A `str`.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Fields {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value)
    }

    /// Changes a field, or adds it.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(field, _)| field == name) {
            Some((_, own)) => *own = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}
