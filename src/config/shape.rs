//! What keys a type has, and of what kind they are: asked from its `Deserialize`, so that no
//! list has to be kept beside the types.

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, Visitor};

/// The kind of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Shape {
    /// Not known; RON decides.
    #[default]
    Any,
    /// `true` or `false`.
    Switch,
    /// A whole number within what its type holds.
    Whole { low: i128, high: i128 },
    /// A number.
    Number,
    /// A text.
    Text,
    /// May be `None`.
    Optional(Box<Shape>),
    /// `[ ]` with any number of these.
    List(Box<Shape>),
    /// `( )` with exactly these.
    Tuple(Vec<Shape>),
    /// `{ }`.
    Map(Box<Shape>),
    /// One of these words; some may carry more in `( )`, which RON checks.
    Choice(&'static [&'static str]),
    /// A section.
    Section(Vec<(&'static str, Shape)>),
}

impl Shape {
    /// Of a type. Recursive types have none and must not be asked.
    pub fn of<'de, T: Deserialize<'de>>() -> Self {
        let mut shape = Self::Any;
        // What could not be found out stays `Any`.
        drop(T::deserialize(Probe(&mut shape)));
        shape
    }

    /// The kind of what is at a key path.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |shape, key| {
            let fields = shape.plain().section()?;
            fields.iter().find(|(name, _)| *name == key).map(|(_, s)| s)
        })
    }

    /// Without the `Optional` around it.
    pub fn plain(&self) -> &Self {
        match self {
            Self::Optional(inner) => inner.plain(),
            other => other,
        }
    }

    /// The fields, if it is a section.
    pub fn section(&self) -> Option<&[(&'static str, Self)]> {
        match self {
            Self::Section(fields) => Some(fields),
            _ => None,
        }
    }

    /// Every key path that is no section, with its kind.
    pub fn leaves(&self) -> Vec<(String, &Self)> {
        let mut found = Vec::new();
        self.gather(String::new(), &mut found);
        found
    }

    fn gather<'a>(&'a self, path: String, found: &mut Vec<(String, &'a Self)>) {
        match self.plain().section() {
            Some(fields) => {
                for (key, shape) in fields {
                    shape.gather(super::tree::join(&path, key), found);
                }
            }
            None => found.push((path, self)),
        }
    }
}

/// A deserializer without data, that notes what it is asked for.
struct Probe<'a>(&'a mut Shape);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl de::Error for Refused {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

macro_rules! whole {
    ($($ask:ident $visit:ident $kind:ty;)*) => {$(
        fn $ask<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            *self.0 = Shape::Whole { low: <$kind>::MIN.into(), high: <$kind>::MAX.into() };
            visitor.$visit(<$kind>::default())
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.0 = Shape::Switch;
        visitor.visit_bool(false)
    }

    whole! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.0 = Shape::Number;
        visitor.visit_f32(0.0)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.0 = Shape::Number;
        visitor.visit_f64(0.0)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.0 = Shape::Text;
        visitor.visit_str("")
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let mut inner = Shape::Any;
        let value = visitor.visit_some(Probe(&mut inner));
        *self.0 = Shape::Optional(Box::new(inner));
        value
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        // RON writes these in brackets of their own; it may judge them.
        visitor.visit_newtype_struct(Probe(&mut Shape::Any))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let mut items = Vec::new();
        let value = visitor.visit_seq(Elements {
            items: &mut items,
            left: 1,
        });
        *self.0 = Shape::List(Box::new(items.pop().unwrap_or_default()));
        value
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        let mut items = Vec::new();
        let value = visitor.visit_seq(Elements {
            items: &mut items,
            left: len,
        });
        items.resize(len, Shape::Any);
        *self.0 = Shape::Tuple(items);
        value
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let mut fields = vec![("", Shape::Any)];
        let value = visitor.visit_map(Entries {
            fields: fields.iter_mut(),
            current: None,
        });
        *self.0 = Shape::Map(Box::new(fields.pop().map(|(_, s)| s).unwrap_or_default()));
        value
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let mut fields: Vec<_> = keys.iter().map(|key| (*key, Shape::Any)).collect();
        let value = visitor.visit_map(Entries {
            fields: fields.iter_mut(),
            current: None,
        });
        *self.0 = Shape::Section(fields);
        value
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        *self.0 = Shape::Choice(variants);
        let first = variants
            .first()
            .ok_or_else(|| Refused("no variants".to_owned()))?;
        visitor.visit_enum(Choice(first))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct identifier ignored_any
    }
}

struct Elements<'a> {
    items: &'a mut Vec<Shape>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut shape = Shape::Any;
        let value = seed.deserialize(Probe(&mut shape));
        self.items.push(shape);
        value.map(Some)
    }
}

struct Entries<'a> {
    fields: std::slice::IterMut<'a, (&'static str, Shape)>,
    current: Option<&'a mut Shape>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        let Some((key, shape)) = self.fields.next() else {
            return Ok(None);
        };
        self.current = Some(shape);
        seed.deserialize(de::value::StrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        let shape = self.current.take().ok_or_else(|| Refused("no key".to_owned()))?;
        seed.deserialize(Probe(shape))
    }
}

/// The first variant; what it carries is not kept.
struct Choice(&'static str);

impl<'de> de::EnumAccess<'de> for Choice {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Refused> {
        let value = seed.deserialize(de::value::StrDeserializer::new(self.0))?;
        Ok((value, self))
    }
}

impl<'de> de::VariantAccess<'de> for Choice {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(Probe(&mut Shape::Any))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        Probe(&mut Shape::Any).deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        Probe(&mut Shape::Any).deserialize_struct("", keys, visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only asked for its shape")]
    struct Sample {
        on: bool,
        port: Option<u16>,
        rules: Vec<Rule>,
        pair: (f64, f32),
        spot: Option<crate::units::Vec2>,
        by_name: std::collections::BTreeMap<String, Rule>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only asked for its shape")]
    struct Rule {
        name: String,
        level: Level,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only asked for its shape")]
    enum Level {
        Above { share: f64 },
        Never,
    }

    #[test]
    fn a_type_tells_its_keys_and_kinds() {
        let rule = Shape::Section(vec![
            ("name", Shape::Text),
            ("level", Shape::Choice(&["above", "never"])),
        ]);
        let shape = Shape::of::<Sample>();
        let kind = |path: &str| shape.at(path).unwrap().clone();
        assert_eq!(kind("on"), Shape::Switch);
        assert_eq!(
            kind("port"),
            Shape::Optional(Box::new(Shape::Whole { low: 0, high: 65535 }))
        );
        assert_eq!(kind("rules"), Shape::List(Box::new(rule.clone())));
        assert_eq!(kind("by_name"), Shape::Map(Box::new(rule)));
        assert_eq!(kind("pair"), Shape::Tuple(vec![Shape::Number, Shape::Number]));
        assert_eq!(
            *shape.at("spot").unwrap().plain(),
            Shape::Tuple(vec![Shape::Number, Shape::Number])
        );
        assert_eq!(shape.at("port.number"), None);
    }
}
