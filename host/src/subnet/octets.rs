//! Bytes as hexadecimal text in JSON, where numbers in an array would be thrice
//! as long and say nothing to a reader. For `#[serde(with = "...")]`.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

/// Writes hexadecimal digits.
pub fn serialize<S: Serializer>(bytes: impl AsRef<[u8]>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&hex::encode(bytes))
}

/// Reads hexadecimal digits, as many as the type holds.
pub fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(from: D) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    let bytes = hex::decode(text).map_err(D::Error::custom)?;
    T::try_from(bytes).map_err(|_| D::Error::custom("too many or too few bytes"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Both {
        #[serde(with = "super")]
        seed: [u8; 4],
        #[serde(with = "super")]
        memory: Vec<u8>,
    }

    #[test]
    fn bytes_come_back_and_a_seed_of_the_wrong_length_does_not() {
        let both = Both {
            seed: [1, 2, 3, 255],
            memory: vec![0, 16],
        };
        let text = r#"{"seed":"010203ff","memory":"0010"}"#;
        assert_eq!(serde_json::to_string(&both).unwrap(), text);
        assert_eq!(serde_json::from_str::<Both>(text).unwrap(), both);
        assert!(serde_json::from_str::<Both>(r#"{"seed":"0102","memory":""}"#).is_err());
    }
}
