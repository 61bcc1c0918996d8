//! Updates, such as `SET stock = stock - :quantity, holds.#order = :hold REMOVE lease_ms`.

use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::expression::{Parser, Path};
use crate::dynamodb::value::{Item, Number, Value};

/// An update of an item.
#[derive(Debug, Default)]
pub(in crate::dynamodb) struct Update {
    set: Vec<(Path, Term)>,
    remove: Vec<Path>,
    add: Vec<(Path, Value)>,
    delete: Vec<(Path, Value)>,
}

#[derive(Debug)]
enum Term {
    Path(Path),
    Value(Value),
    IfNotExists(Path, Box<Term>),
    ListAppend(Box<Term>, Box<Term>),
    Plus(Box<Term>, Box<Term>),
    Minus(Box<Term>, Box<Term>),
}

impl Update {
    /// Parses an update expression.
    pub(in crate::dynamodb) fn parse(parser: &mut Parser<'_>, text: &str) -> Result<Self, Error> {
        let update = parser.parse_all(text, clauses)?;
        let paths: Vec<&Path> = update.paths().collect();
        for (index, path) in paths.iter().enumerate() {
            if paths[..index].iter().any(|other| other.overlaps(path)) {
                return invalid("two document paths overlap");
            }
        }
        // Removing one element would shift the index of the other.
        if update.remove.iter().filter(|path| path.is_index()).count() > 1 {
            return invalid("removing more than one list element is not supported");
        }
        Ok(update)
    }

    /// All paths that the update changes.
    pub(in crate::dynamodb) fn paths(&self) -> impl Iterator<Item = &Path> {
        let set = self.set.iter().map(|(path, _)| path);
        let more = self.add.iter().chain(&self.delete).map(|(path, _)| path);
        set.chain(&self.remove).chain(more)
    }

    /// The item after the update. All operands are read from the item before the update.
    pub(in crate::dynamodb) fn apply(&self, before: &Item) -> Result<Item, Error> {
        let mut item = before.clone();
        for (path, term) in &self.set {
            path.set(&mut item, term.of(before)?)?;
        }
        for path in &self.remove {
            path.remove(&mut item)?;
        }
        for (path, value) in &self.add {
            let sum = match (path.get(before), value) {
                (None, Value::N(_) | Value::Texts(_) | Value::Numbers(_)) => value.clone(),
                (Some(Value::N(old)), Value::N(more)) => number(old.0.checked_add(more.0))?,
                (Some(Value::Texts(old)), Value::Texts(more)) => Value::Texts(old | more),
                (Some(Value::Numbers(old)), Value::Numbers(more)) => Value::Numbers(old | more),
                _ => return invalid("ADD needs a number or a set, and an attribute of the same type"),
            };
            path.set(&mut item, sum)?;
        }
        for (path, value) in &self.delete {
            let (remaining, empty) = match (path.get(before), value) {
                (None, Value::Texts(_) | Value::Numbers(_)) => continue,
                (Some(Value::Texts(old)), Value::Texts(less)) => (Value::Texts(old - less), old.is_subset(less)),
                (Some(Value::Numbers(old)), Value::Numbers(less)) => (Value::Numbers(old - less), old.is_subset(less)),
                _ => return invalid("DELETE needs a set, and an attribute of the same type"),
            };
            if empty { path.remove(&mut item)? } else { path.set(&mut item, remaining)? }
        }
        Ok(item)
    }
}

fn clauses(parser: &mut Parser<'_>) -> Result<Update, Error> {
    let mut update = Update::default();
    loop {
        if update.set.is_empty() && parser.take_keyword("SET") {
            update.set = parser.list(|parser| {
                let path = Path::parse(parser)?;
                parser.expect("=")?;
                Ok((path, sum(parser)?))
            })?;
        } else if update.remove.is_empty() && parser.take_keyword("REMOVE") {
            update.remove = parser.list(Path::parse)?;
        } else if update.add.is_empty() && parser.take_keyword("ADD") {
            update.add = parser.list(path_and_value)?;
        } else if update.delete.is_empty() && parser.take_keyword("DELETE") {
            update.delete = parser.list(path_and_value)?;
        } else if update.paths().next().is_none() {
            return parser.unexpected();
        } else {
            return Ok(update);
        }
    }
}

fn path_and_value(parser: &mut Parser<'_>) -> Result<(Path, Value), Error> {
    let path = Path::parse(parser)?;
    match parser.take_value()? {
        Some(value) => Ok((path, value)),
        None => parser.unexpected(),
    }
}

fn sum(parser: &mut Parser<'_>) -> Result<Term, Error> {
    let one = term(parser)?;
    Ok(if parser.take("+") {
        Term::Plus(Box::new(one), Box::new(term(parser)?))
    } else if parser.take("-") {
        Term::Minus(Box::new(one), Box::new(term(parser)?))
    } else {
        one
    })
}

fn term(parser: &mut Parser<'_>) -> Result<Term, Error> {
    if let Some(value) = parser.take_value()? {
        return Ok(Term::Value(value));
    }
    if parser.take_function("if_not_exists") {
        let path = Path::parse(parser)?;
        parser.expect(",")?;
        let otherwise = Box::new(term(parser)?);
        parser.expect(")")?;
        return Ok(Term::IfNotExists(path, otherwise));
    }
    if parser.take_function("list_append") {
        let one = Box::new(term(parser)?);
        parser.expect(",")?;
        let other = Box::new(term(parser)?);
        parser.expect(")")?;
        return Ok(Term::ListAppend(one, other));
    }
    Path::parse(parser).map(Term::Path)
}

impl Term {
    fn of(&self, item: &Item) -> Result<Value, Error> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Path(path) => match path.get(item) {
                Some(value) => Ok(value.clone()),
                None => invalid("the expression refers to an attribute that does not exist"),
            },
            Self::IfNotExists(path, otherwise) => match path.get(item) {
                Some(value) => Ok(value.clone()),
                None => otherwise.of(item),
            },
            Self::ListAppend(one, other) => match (one.of(item)?, other.of(item)?) {
                (Value::L(one), Value::L(other)) => Ok(Value::L([one, other].concat())),
                _ => invalid("list_append takes two lists"),
            },
            Self::Plus(one, other) => match (one.of(item)?, other.of(item)?) {
                (Value::N(one), Value::N(other)) => number(one.0.checked_add(other.0)),
                _ => invalid("+ takes two numbers"),
            },
            Self::Minus(one, other) => match (one.of(item)?, other.of(item)?) {
                (Value::N(one), Value::N(other)) => number(one.0.checked_sub(other.0)),
                _ => invalid("- takes two numbers"),
            },
        }
    }
}

fn number(sum: Option<i128>) -> Result<Value, Error> {
    sum.map_or_else(|| invalid("the number is out of range"), |sum| Ok(Value::N(Number(sum))))
}
