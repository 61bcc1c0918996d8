//! A JSON body must be an object. Serde's derived structs also accept an array with the fields' values in order; [`JsonObject`]
//! does not.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A value that can be deserialized only from a JSON object.
pub struct JsonObject<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonObject<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

/// Reads an optional field that is an array of objects: `#[serde(default, deserialize_with = "…")]`.
pub(crate) fn optional_objects<'de, T, D>(from: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let objects = Option::<Vec<JsonObject<T>>>::deserialize(from)?;
    Ok(objects.map(|objects| objects.into_iter().map(|JsonObject(value)| value).collect()))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::PlaceOrder;

    #[test]
    fn array_is_not_accepted_as_an_object() {
        let read =
            |json: &str| serde_json::from_str::<JsonObject<PlaceOrder>>(json).map(|JsonObject(order)| order.lines());
        assert!(read(r#"{"user_id":"U","items":[{"product_id":"P","quantity":1}],"amount":199.99}"#).unwrap().is_ok());
        assert!(read(r#"["U","P",1,null,null,null]"#).is_err());
        assert!(read(r#"{"user_id":"U","items":[["P",1]]}"#).is_err());
    }
}
