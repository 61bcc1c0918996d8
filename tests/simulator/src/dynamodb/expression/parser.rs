//! Reading an expression's words one after the other, with the names and values that its placeholders stand for.

use std::collections::{BTreeMap, BTreeSet};

use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::expression::token::{Token, tokens};
use crate::dynamodb::value::{Item, Value};

/// Reads a call's expressions. All of them share the placeholders, each of which must be used.
pub(in crate::dynamodb) struct Parser<'a> {
    names: &'a BTreeMap<String, String>,
    values: &'a Item,
    used: BTreeSet<String>,
    tokens: Vec<Token>,
    next: usize,
}

impl<'a> Parser<'a> {
    /// With a call's `ExpressionAttributeNames` and `ExpressionAttributeValues`.
    pub(in crate::dynamodb) fn new(names: &'a BTreeMap<String, String>, values: &'a Item) -> Self {
        Self { names, values, used: BTreeSet::new(), tokens: Vec::new(), next: 0 }
    }

    /// Reads the whole of an expression.
    pub(super) fn whole<T>(
        &mut self,
        text: &str,
        parse: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        (self.tokens, self.next) = (tokens(text)?, 0);
        let parsed = parse(self)?;
        if self.next < self.tokens.len() {
            return self.unexpected();
        }
        Ok(parsed)
    }

    /// Ends the reading of a call's expressions.
    pub(in crate::dynamodb) fn finish(self) -> Result<(), Error> {
        match self.names.keys().chain(self.values.keys()).find(|placeholder| !self.used.contains(*placeholder)) {
            None => Ok(()),
            Some(placeholder) => invalid(format!("{placeholder} is not used in any expression")),
        }
    }

    /// One or more, with commas between.
    pub(super) fn list<T>(&mut self, mut parse: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let mut list = vec![parse(self)?];
        while self.take(",") {
            list.push(parse(self)?);
        }
        Ok(list)
    }

    /// Takes a sign, if it comes next.
    pub(super) fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.next += usize::from(found);
        found
    }

    /// Takes a keyword, if it comes next.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    /// Takes a function's name and its opening bracket, if they come next.
    pub(super) fn take_function(&mut self, name: &str) -> bool {
        let here = matches!(self.peek(), Some(Token::Word(word)) if word == name);
        let found = here && self.tokens.get(self.next + 1) == Some(&Token::Sign("("));
        self.next += 2 * usize::from(found);
        found
    }

    /// A sign that must come next.
    pub(super) fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.take(sign) { Ok(()) } else { self.unexpected() }
    }

    /// An attribute's name, if one comes next.
    pub(super) fn take_name(&mut self) -> Result<Option<String>, Error> {
        let name = match self.peek() {
            Some(Token::Word(word)) => word.clone(),
            Some(Token::Name(placeholder)) => {
                let placeholder = placeholder.clone();
                let Some(name) = self.names.get(&placeholder) else {
                    return invalid(format!("{placeholder} has no name"));
                };
                self.used.insert(placeholder);
                name.clone()
            }
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(name))
    }

    /// A value, if one comes next.
    pub(super) fn take_value(&mut self) -> Result<Option<Value>, Error> {
        let Some(Token::Value(placeholder)) = self.peek() else { return Ok(None) };
        let placeholder = placeholder.clone();
        let Some(value) = self.values.get(&placeholder) else {
            return invalid(format!("{placeholder} has no value"));
        };
        self.used.insert(placeholder);
        self.next += 1;
        Ok(Some(value.clone()))
    }

    /// A list's index.
    pub(super) fn index(&mut self) -> Result<usize, Error> {
        let Some(Token::Digits(index)) = self.peek() else { return self.unexpected() };
        let index = *index;
        self.next += 1;
        Ok(index)
    }

    /// An error at the present word.
    pub(super) fn unexpected<T>(&self) -> Result<T, Error> {
        invalid(format!("unexpected {:?} at {} of {:?}", self.peek(), self.next, self.tokens))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }
}
