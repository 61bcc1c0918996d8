//! Document paths, such as `holds.#order.quantity` and `events[0]`.

use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::expression::Parser;
use crate::dynamodb::value::{Item, Value};

/// A path to an attribute or to a value inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dynamodb) struct Path {
    attribute: String,
    below: Vec<Element>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Element {
    Member(String),
    Index(usize),
}

impl Path {
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Self, Error> {
        let Some(attribute) = parser.take_name()? else { return parser.unexpected() };
        let mut below = Vec::new();
        loop {
            if parser.take(".") {
                let Some(member) = parser.take_name()? else { return parser.unexpected() };
                below.push(Element::Member(member));
            } else if parser.take("[") {
                below.push(Element::Index(parser.index()?));
                parser.expect("]")?;
            } else {
                return Ok(Self { attribute, below });
            }
        }
    }

    /// The top-level attribute.
    pub(in crate::dynamodb) fn root(&self) -> &str {
        &self.attribute
    }

    /// Whether the path ends with a list index.
    pub(super) fn is_index(&self) -> bool {
        matches!(self.below.last(), Some(Element::Index(_)))
    }

    /// The attribute's name; an error if the path leads to a value inside an attribute.
    pub(in crate::dynamodb) fn attribute(&self) -> Result<&str, Error> {
        if self.below.is_empty() {
            Ok(&self.attribute)
        } else {
            invalid("only top-level attributes are supported here")
        }
    }

    /// The value at the path.
    pub(super) fn get<'i>(&self, item: &'i Item) -> Option<&'i Value> {
        self.below.iter().try_fold(item.get(&self.attribute)?, |value, element| match (value, element) {
            (Value::M(members), Element::Member(name)) => members.get(name),
            (Value::L(values), Element::Index(index)) => values.get(*index),
            _ => None,
        })
    }

    /// Stores a value at the path; an error if its parent does not exist. An index past the end of a list appends.
    pub(super) fn set(&self, item: &mut Item, value: Value) -> Result<(), Error> {
        let Some((last, parent)) = self.parent(item)? else {
            item.insert(self.attribute.clone(), value);
            return Ok(());
        };
        match (parent, last) {
            (Value::M(members), Element::Member(name)) => {
                members.insert(name.clone(), value);
            }
            (Value::L(values), Element::Index(index)) => match values.get_mut(*index) {
                Some(place) => *place = value,
                None => values.push(value),
            },
            _ => return invalid("the document path is invalid for update"),
        }
        Ok(())
    }

    /// Removes the value at the path, if there is one; an error if its parent does not exist.
    pub(super) fn remove(&self, item: &mut Item) -> Result<(), Error> {
        let Some((last, parent)) = self.parent(item)? else {
            item.remove(&self.attribute);
            return Ok(());
        };
        match (parent, last) {
            (Value::M(members), Element::Member(name)) => {
                members.remove(name);
            }
            (Value::L(values), Element::Index(index)) => {
                if *index < values.len() {
                    values.remove(*index);
                }
            }
            _ => return invalid("the document path is invalid for update"),
        }
        Ok(())
    }

    /// Whether one of the two paths is a prefix of the other.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let shared = self.below.len().min(other.below.len());
        self.attribute == other.attribute && self.below[..shared] == other.below[..shared]
    }

    /// The last element of the path and its parent value. `None` if the path is a top-level attribute.
    fn parent<'i>(&self, item: &'i mut Item) -> Result<Option<(&Element, &'i mut Value)>, Error> {
        let Some((last, parents)) = self.below.split_last() else { return Ok(None) };
        let mut value = item.get_mut(&self.attribute);
        for element in parents {
            value = match (value, element) {
                (Some(Value::M(members)), Element::Member(name)) => members.get_mut(name),
                (Some(Value::L(values)), Element::Index(index)) => values.get_mut(*index),
                _ => None,
            };
        }
        match value {
            Some(value) => Ok(Some((last, value))),
            None => invalid("the document path is invalid for update"),
        }
    }
}
