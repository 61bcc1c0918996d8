//! Settings from environment variables. A missing or wrong value is a one-line error that names the variable.

use std::fmt::Display;
use std::str::FromStr;

use anyhow::Context as _;
use reqwest::Url;

/// The variable's value, parsed. It is an error if the variable is unset, empty or does not parse.
pub fn required<T>(name: &str) -> anyhow::Result<T>
where
    T: FromStr,
    T::Err: Display,
{
    optional(name)?.with_context(|| format!("{name} is not set"))
}

/// The variable's value, parsed, or `None` if it is unset or empty. It is an error if the value does not parse.
pub fn optional<T>(name: &str) -> anyhow::Result<Option<T>>
where
    T: FromStr,
    T::Err: Display,
{
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => value.parse().map(Some).map_err(|error| anyhow::anyhow!("{name} is wrong: {error}")),
        Err(std::env::VarError::NotPresent) => Ok(None),
        // The message omits the value: it may be a secret.
        Err(std::env::VarError::NotUnicode(_)) => Err(anyhow::anyhow!("{name} is wrong: not Unicode")),
    }
}

/// The base URL of a service. It always ends in a slash, so that paths can be joined to it.
pub fn base_url(name: &str) -> anyhow::Result<Url> {
    let mut url: Url = required(name)?;
    anyhow::ensure!(url.has_host() && url.scheme().starts_with("http"), "{name} is wrong: not an http(s) URL");
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}
