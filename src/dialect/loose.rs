//! JSON as providers send it: a field may be a string, a number, null or anything else. Reading is borrowed
//! where it can be and never fails on a type that a provider might change.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A value that is usually a string.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Loose<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// Anything else; null when absent.
    Other(Value),
}

impl Default for Loose<'_> {
    fn default() -> Self {
        Self::Other(Value::Null)
    }
}

impl Loose<'_> {
    /// The string; empty for anything else.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Other(_) => "",
        }
    }

    /// The string, or the text of a number, or the JSON of an object or list; empty for null.
    pub(super) fn into_json_text(self) -> String {
        match self {
            Self::Text(text) => text.into_owned(),
            Self::Other(Value::Null) => String::new(),
            Self::Other(value) => value.to_string(),
        }
    }

    /// The number, also when it is written as a string.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Other(value) => value.as_u64(),
        }
    }
}

struct LooseVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for LooseVisitor<'a> {
    type Value = Loose<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Loose<'a>, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Loose<'a>, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_unit<E>(self) -> Result<Loose<'a>, E> {
        Ok(Loose::default())
    }
    fn visit_bool<E>(self, value: bool) -> Result<Loose<'a>, E> {
        Ok(Loose::Other(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Loose<'a>, E> {
        Ok(Loose::Other(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Loose<'a>, E> {
        Ok(Loose::Other(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Loose<'a>, E> {
        Ok(Loose::Other(value.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Loose<'a>, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(seq)).map(Loose::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Loose<'a>, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Loose::Other)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor(PhantomData))
    }
}

/// An object read field by field, so that the fields nobody models can be kept without buffering the rest.
pub(super) trait Fields<'de>: Default {
    /// Reads the value of one field.
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Reads an object; null reads as an empty one.
pub(super) fn object<'de, T: Fields<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(FieldsVisitor(PhantomData))
}

struct FieldsVisitor<T>(PhantomData<T>);

impl<'de, T: Fields<'de>> Visitor<'de> for FieldsVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut out = T::default();
        while let Some(key) = map.next_key::<Loose<'de>>()? {
            out.field(key.text(), &mut map)?;
        }
        Ok(out)
    }
}

/// Keeps a field nobody models, unless it is null.
pub(super) fn keep<'de, A: MapAccess<'de>>(
    extra: &mut crate::model::Object,
    key: &str,
    map: &mut A,
) -> Result<(), A::Error> {
    let value: Value = map.next_value()?;
    if !value.is_null() {
        extra.insert(key.to_owned(), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_strings_are_borrowed_and_anything_else_is_kept() {
        let read = |text| serde_json::from_str::<Loose<'_>>(text).unwrap();
        assert!(matches!(read("\"plain\""), Loose::Text(Cow::Borrowed("plain"))));
        assert_eq!(read("\"a\\nb\"").text(), "a\nb");
        assert_eq!(read("null"), Loose::default());
        assert_eq!(read("7").number(), Some(7));
        assert_eq!(read("\"7\"").number(), Some(7));
        assert_eq!(read("{\"a\":[1]}").into_json_text(), "{\"a\":[1]}");
    }
}
