//! A parser over the tokens of an expression, which resolves placeholders of names and values.

use std::collections::{BTreeMap, BTreeSet};

use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::expression::token::{Token, tokens};
use crate::dynamodb::value::{Item, Value};

/// Parses the expressions of one request. They share the placeholders, and each placeholder must be used at least once.
pub(in crate::dynamodb) struct Parser<'a> {
    names: &'a BTreeMap<String, String>,
    values: &'a Item,
    used: BTreeSet<String>,
    tokens: Vec<Token>,
    next: usize,
}

impl<'a> Parser<'a> {
    /// A parser with the request's `ExpressionAttributeNames` and `ExpressionAttributeValues`.
    pub(in crate::dynamodb) fn new(names: &'a BTreeMap<String, String>, values: &'a Item) -> Self {
        Self { names, values, used: BTreeSet::new(), tokens: Vec::new(), next: 0 }
    }

    /// Parses an expression to its end.
    pub(super) fn parse_all<T>(
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

    /// Checks, after all expressions are parsed, that every placeholder was used.
    pub(in crate::dynamodb) fn finish(self) -> Result<(), Error> {
        match self.names.keys().chain(self.values.keys()).find(|placeholder| !self.used.contains(*placeholder)) {
            None => Ok(()),
            Some(placeholder) => invalid(format!("{placeholder} is not used in any expression")),
        }
    }

    /// Parses a list of at least one element, separated by commas.
    pub(super) fn list<T>(&mut self, mut parse: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let mut list = vec![parse(self)?];
        while self.take(",") {
            list.push(parse(self)?);
        }
        Ok(list)
    }

    /// Consumes a sign, if it is the next token.
    pub(super) fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.next += usize::from(found);
        found
    }

    /// Consumes a keyword, if it is the next token. Keywords ignore case.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    /// Consumes a function's name and its opening parenthesis, if they are the next tokens.
    pub(super) fn take_function(&mut self, name: &str) -> bool {
        let here = matches!(self.peek(), Some(Token::Word(word)) if word == name);
        let found = here && self.tokens.get(self.next + 1) == Some(&Token::Sign("("));
        self.next += 2 * usize::from(found);
        found
    }

    /// Consumes a sign, which must be the next token.
    pub(super) fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.take(sign) { Ok(()) } else { self.unexpected() }
    }

    /// Consumes an attribute's name or its placeholder, if it is the next token.
    pub(super) fn take_name(&mut self) -> Result<Option<String>, Error> {
        let name = match self.peek() {
            Some(Token::Word(word)) => word.clone(),
            Some(Token::Name(placeholder)) => {
                let placeholder = placeholder.clone();
                let Some(name) = self.names.get(&placeholder) else {
                    return invalid(format!("{placeholder} is not in ExpressionAttributeNames"));
                };
                self.used.insert(placeholder);
                name.clone()
            }
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(name))
    }

    /// Consumes a placeholder of a value, if it is the next token.
    pub(super) fn take_value(&mut self) -> Result<Option<Value>, Error> {
        let Some(Token::Value(placeholder)) = self.peek() else { return Ok(None) };
        let placeholder = placeholder.clone();
        let Some(value) = self.values.get(&placeholder) else {
            return invalid(format!("{placeholder} is not in ExpressionAttributeValues"));
        };
        self.used.insert(placeholder);
        self.next += 1;
        Ok(Some(value.clone()))
    }

    /// Consumes a list index, which must be the next token.
    pub(super) fn index(&mut self) -> Result<usize, Error> {
        let Some(Token::Digits(index)) = self.peek() else { return self.unexpected() };
        let index = *index;
        self.next += 1;
        Ok(index)
    }

    /// An error at the next token.
    pub(super) fn unexpected<T>(&self) -> Result<T, Error> {
        invalid(format!("unexpected {:?} at {} of {:?}", self.peek(), self.next, self.tokens))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }
}
