//! Recognises tokens, secrets and personal data in a text.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use anyhow::{Result, ensure};
use regex::{Regex, RegexBuilder};

/// Finds leaks of several kinds.
pub(super) struct Detector(Vec<Kind>);

/// A kind of leak.
struct Kind {
    name: &'static str,
    pattern: Regex,
    /// Decides whether a match is a leak, from the character before it, the match, and the character after it.
    is_leak: fn(char, &str, char) -> bool,
}

/// A leak with its place in the text.
pub(super) struct Leak<'a> {
    name: &'static str,
    line: usize,
    /// The leak with some text before and after it.
    excerpt: &'a str,
}

impl fmt::Display for Leak<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}: {} in {:?}", self.line, self.name, self.excerpt)
    }
}

/// The number of bytes that an excerpt has before and after the leak.
const CONTEXT: usize = 80;

impl Detector {
    /// A detector of the parts of these tokens, of sentinels with this marker, and of the usual forms of secrets and
    /// personal data.
    pub(super) fn new(tokens: &[String], marker: &str) -> Result<Self> {
        let parts: BTreeSet<_> = tokens.iter().flat_map(|token| token.split('.')).map(regex::escape).collect();
        let parts = parts.into_iter().collect::<Vec<_>>().join("|");
        let any: fn(char, &str, char) -> bool = |_, _, _| true;
        let kind = |name, pattern: &str, is_leak| {
            // The default limit is too small for the literals of all tokens.
            let pattern = RegexBuilder::new(pattern).size_limit(1 << 28).build()?;
            anyhow::Ok(Kind { name, pattern, is_leak })
        };
        Ok(Self(vec![
            kind("a sentinel", &regex::escape(marker), any)?,
            kind("a part of a token", &parts, |_, part, _| !part.is_empty())?,
            kind("a JWT", r"eyJ[\w-]{5,}\.eyJ[\w-]{5,}", any)?,
            kind("a credential", r"(?i)\b(bearer|basic) [a-z0-9+/_.~=-]{3,}", any)?,
            kind("a header with credentials", r#"(?i)["'](proxy-)?authorization\\?["']|\bAWS4-HMAC-SHA256\b"#, any)?,
            kind("an AWS key", r"\b(AKIA|ASIA)[0-9A-Z]{16}\b", any)?,
            kind("an AWS secret", r#"(?i)secret_?access_?key\W{1,5}[\w/+]+"#, |_, text, _| !text.ends_with("test"))?,
            kind("a private key", r"BEGIN [A-Z ]*PRIVATE KEY", any)?,
            kind("an e-mail address", r"(?i)[a-z0-9._+-]+(@|%40)([a-z0-9-]+\.)+[a-z]{2,}\b", any)?,
            // The first digit is 2 to 6, as for all card issuers. Milliseconds since 1970 begin with 1.
            kind("a card number", r"[2-6]\d{3}[ -]?\d{4,6}[ -]?\d{4,5}[ -]?\d{1,7}", is_card)?,
            kind("an IP address", r"\d{1,3}(\.\d{1,3}){3}", is_address)?,
            kind("an IP address", r"(?i)[0-9a-f]*:[0-9a-f:.]*[0-9a-f:]", is_address)?,
        ]))
    }

    /// Every leak in a text.
    pub(super) fn find<'a>(&self, text: &'a str) -> impl Iterator<Item = Leak<'a>> {
        let found = self.0.iter().flat_map(move |kind| {
            let matches = kind.pattern.find_iter(text).filter(|found| {
                let before = text[..found.start()].chars().next_back().unwrap_or(' ');
                let after = text[found.end()..].chars().next().unwrap_or(' ');
                (kind.is_leak)(before, found.as_str(), after)
            });
            matches.map(|found| (kind.name, found.range()))
        });
        found.map(move |(name, range)| {
            let line = text[..range.start].matches('\n').count() + 1;
            let (start, end) = (range.start.saturating_sub(CONTEXT), (range.end + CONTEXT).min(text.len()));
            Leak { name, line, excerpt: &text[text.floor_char_boundary(start)..text.ceil_char_boundary(end)] }
        })
    }
}

/// Whether it is a card number: 13 to 19 digits with the check digit of ISO/IEC 7812-1, and not part of an id.
fn is_card(before: char, text: &str, after: char) -> bool {
    let in_id = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let digits: Vec<_> = text.chars().rev().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |(index, digit): (usize, &u32)| if index % 2 == 0 { *digit } else { digit * 2 / 10 + digit * 2 % 10 };
    let sum: u32 = digits.iter().enumerate().map(doubled).sum();
    !in_id(before) && before != '.' && !in_id(after) && (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

/// Whether it is an IP address that is neither a loopback nor an unspecified address.
fn is_address(before: char, text: &str, after: char) -> bool {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    let address = text.parse().is_ok_and(|address: IpAddr| !address.is_loopback() && !address.is_unspecified());
    address && !in_name(before) && before != '.' && !in_name(after)
}

/// The unit test of the detector: it finds every kind of leak, and nothing in texts that only look similar.
pub(crate) fn detects_every_kind() -> Result<()> {
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJVU0VSLTAwMSJ9.c2lnbmF0dXJl".to_owned();
    let detector = Detector::new(std::slice::from_ref(&token), "sentinel1234")?;
    let names = |text: &str| detector.find(text).map(|leak| leak.name).collect::<Vec<_>>();
    let samples = [
        ("fine\n{\"payment_token\":\"tok_sentinel1234-order\"}", "a sentinel"),
        (token.as_str(), "a JWT"),
        ("eyJzdWIiOiJVU0VSLTAwMSJ9", "a part of a token"),
        ("signature=c2lnbmF0dXJl", "a part of a token"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJVU0VSLTAwMiJ9.", "a JWT"),
        ("got Bearer abc.def", "a credential"),
        ("basic dXNlcjpwYXNz", "a credential"),
        ("{\\\"authorization\\\":\\\"x\\\"}", "a header with credentials"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=x", "a header with credentials"),
        ("AKIAIOSFODNN7EXAMPLE", "an AWS key"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI", "an AWS secret"),
        ("-----BEGIN EC PRIVATE KEY-----", "a private key"),
        ("unknown field `jane.doe@mail.example.org`, expected", "an e-mail address"),
        ("/api?email=jane%40mail.example.org", "an e-mail address"),
        ("card:4242424242424242,", "a card number"),
        ("ip:203.0.113.77", "an IP address"),
        ("card 5555 5555 5555 4444.", "a card number"),
        ("3782-8224-6310-005", "a card number"),
        ("client 203.0.113.77:4711 came", "an IP address"),
        ("from 203.0.113.77.", "an IP address"),
        ("[2001:db8::77]:443", "an IP address"),
    ];
    for (text, name) in samples {
        ensure!(names(text).contains(&name), "{text:?}: expected {name}, found {:?}", names(text));
    }
    let place = detector.find("one\ntwo sentinel1234").map(|leak| leak.to_string()).collect::<Vec<_>>();
    ensure!(place == [r#":2: a sentinel in "one\ntwo sentinel1234""#], "{place:?}");

    let harmless = [
        "USER-001 ordered 0199c3b2-4242-7242-8242-424242424242 as TXN-0199c3b2-4242-7242-8242-424242424242",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "at 2026-11-22T16:28:17.123456Z, 16:28:17, 1795364897000 ms, 1795364897000000000 ns",
        "listening on 127.0.0.1:9000, [::1]:9000 and 0.0.0.0:9092; version 1.5.33",
        "aws_lambda_events::event::sqs::SqsEvent, core::fmt, fe::Error, a::b::c",
        "AWS_SECRET_ACCESS_KEY=test, \"WWW-Authenticate\": \"Bearer\", 4242424242424241, x4242424242424242",
    ];
    for text in harmless {
        let found: Vec<_> = detector.find(text).map(|leak| leak.to_string()).collect();
        ensure!(found.is_empty(), "{found:?}");
    }
    Ok(())
}
