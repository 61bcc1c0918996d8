//! Conditions, such as `attribute_not_exists(pk) OR (#status IN (:a, :b) AND deadline_ms < :now)`.

use std::cmp::Ordering;

use crate::dynamodb::error::Error;
use crate::dynamodb::expression::operand::{Operand, order};
use crate::dynamodb::expression::{Parser, Path};
use crate::dynamodb::value::{Item, Value};

/// A condition on an item.
#[derive(Debug, Clone)]
pub(in crate::dynamodb) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operand, &'static str, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    Type(Path, Operand),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

const COMPARATORS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

impl Condition {
    /// Parses a condition expression.
    pub(in crate::dynamodb) fn parse(parser: &mut Parser<'_>, text: &str) -> Result<Self, Error> {
        parser.parse_all(text, disjunction)
    }

    /// Whether the condition holds for an item. A missing item counts as an item without attributes.
    pub(in crate::dynamodb) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::And(one, other) => one.holds(item) && other.holds(item),
            Self::Or(one, other) => one.holds(item) || other.holds(item),
            Self::Not(condition) => !condition.holds(item),
            Self::Compare(one, comparator, other) => match (one.of(item), other.of(item)) {
                (Some(one), Some(other)) => compare(&one, comparator, &other),
                _ => *comparator == "<>",
            },
            Self::Between(operand, low, high) => match (operand.of(item), low.of(item), high.of(item)) {
                (Some(value), Some(low), Some(high)) => compare(&low, "<=", &value) && compare(&value, "<=", &high),
                _ => false,
            },
            Self::In(operand, list) => {
                operand.of(item).is_some_and(|value| list.iter().any(|one| one.of(item).as_ref() == Some(&value)))
            }
            Self::Exists(path) => path.get(item).is_some(),
            Self::NotExists(path) => path.get(item).is_none(),
            Self::Type(path, name) => path.get(item).is_some_and(|value| {
                name.of(item).as_deref().and_then(Value::as_text).is_some_and(|name| name == value.type_name())
            }),
            Self::BeginsWith(operand, prefix) => match (operand.of(item).as_deref(), prefix.of(item).as_deref()) {
                (Some(Value::S(text)), Some(Value::S(prefix))) => text.starts_with(prefix.as_str()),
                _ => false,
            },
            Self::Contains(operand, part) => match (operand.of(item).as_deref(), part.of(item).as_deref()) {
                (Some(Value::S(text)), Some(Value::S(part))) => text.contains(part.as_str()),
                (Some(Value::Texts(texts)), Some(Value::S(part))) => texts.contains(part),
                (Some(Value::Numbers(numbers)), Some(Value::N(part))) => numbers.contains(part),
                (Some(Value::L(values)), Some(part)) => values.contains(part),
                _ => false,
            },
        }
    }
}

fn compare(one: &Value, comparator: &str, other: &Value) -> bool {
    match comparator {
        "=" => one == other,
        "<>" => one != other,
        _ => order(one, other).is_some_and(|order| match comparator {
            "<" => order == Ordering::Less,
            "<=" => order != Ordering::Greater,
            ">" => order == Ordering::Greater,
            _ => order != Ordering::Less,
        }),
    }
}

fn disjunction(parser: &mut Parser<'_>) -> Result<Condition, Error> {
    let mut condition = conjunction(parser)?;
    while parser.take_keyword("OR") {
        condition = Condition::Or(Box::new(condition), Box::new(conjunction(parser)?));
    }
    Ok(condition)
}

fn conjunction(parser: &mut Parser<'_>) -> Result<Condition, Error> {
    let mut condition = term(parser)?;
    while parser.take_keyword("AND") {
        condition = Condition::And(Box::new(condition), Box::new(term(parser)?));
    }
    Ok(condition)
}

fn term(parser: &mut Parser<'_>) -> Result<Condition, Error> {
    if parser.take_keyword("NOT") {
        return Ok(Condition::Not(Box::new(term(parser)?)));
    }
    if parser.take("(") {
        let condition = disjunction(parser)?;
        parser.expect(")")?;
        return Ok(condition);
    }
    for (name, condition) in [
        ("attribute_exists", Condition::Exists as fn(Path) -> Condition),
        ("attribute_not_exists", Condition::NotExists),
    ] {
        if parser.take_function(name) {
            let path = Path::parse(parser)?;
            parser.expect(")")?;
            return Ok(condition(path));
        }
    }
    for (name, condition) in
        [("begins_with", Condition::BeginsWith as fn(Operand, Operand) -> Condition), ("contains", Condition::Contains)]
    {
        if parser.take_function(name) {
            let (one, other) = pair(parser, Operand::parse)?;
            return Ok(condition(one, other));
        }
    }
    if parser.take_function("attribute_type") {
        let (path, name) = pair(parser, Path::parse)?;
        return Ok(Condition::Type(path, name));
    }
    comparison(parser)
}

/// Parses two function arguments and the closing parenthesis.
fn pair<T>(
    parser: &mut Parser<'_>,
    first: impl FnOnce(&mut Parser<'_>) -> Result<T, Error>,
) -> Result<(T, Operand), Error> {
    let one = first(parser)?;
    parser.expect(",")?;
    let other = Operand::parse(parser)?;
    parser.expect(")")?;
    Ok((one, other))
}

fn comparison(parser: &mut Parser<'_>) -> Result<Condition, Error> {
    let operand = Operand::parse(parser)?;
    if parser.take_keyword("BETWEEN") {
        let low = Operand::parse(parser)?;
        if !parser.take_keyword("AND") {
            return parser.unexpected();
        }
        return Ok(Condition::Between(operand, low, Operand::parse(parser)?));
    }
    if parser.take_keyword("IN") {
        parser.expect("(")?;
        let list = parser.list(Operand::parse)?;
        parser.expect(")")?;
        return Ok(Condition::In(operand, list));
    }
    match COMPARATORS.into_iter().find(|comparator| parser.take(comparator)) {
        Some(comparator) => Ok(Condition::Compare(operand, comparator, Operand::parse(parser)?)),
        None => parser.unexpected(),
    }
}
