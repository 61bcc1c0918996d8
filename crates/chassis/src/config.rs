//! Settings from environment variables. Missing and wrong values are one line that names every such variable, so that a
//! function can be set up without starting it once per variable:
//!
//! ```
//! # fn example() -> anyhow::Result<()> {
//! use chassis::config;
//!
//! let (table, limit) = config::all((config::required::<String>("TABLE"), config::optional::<u32>("LIMIT")))?;
//! # Ok(())
//! # }
//! ```

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

/// The values of several settings, from the results of reading each. If some failed, the error has all of their messages.
///
/// # Errors
/// When a result is an error.
pub fn all<T: Results>(results: T) -> anyhow::Result<T::Values> {
    results.all()
}

/// A tuple of results.
pub trait Results {
    /// The tuple of their values.
    type Values;

    /// See [`all`].
    ///
    /// # Errors
    /// When a result is an error.
    fn all(self) -> anyhow::Result<Self::Values>;
}

macro_rules! tuple_of_results {
    ($($value:ident)+) => {
        impl<$($value),+> Results for ($(anyhow::Result<$value>,)+) {
            type Values = ($($value,)+);

            #[allow(non_snake_case, reason = "the values are named like their types")]
            fn all(self) -> anyhow::Result<Self::Values> {
                match self {
                    ($(Ok($value),)+) => Ok(($($value,)+)),
                    ($($value,)+) => {
                        let errors = [$($value.err()),+].into_iter().flatten();
                        let messages: Vec<_> = errors.map(|error| format!("{error:#}")).collect();
                        Err(anyhow::Error::msg(messages.join("; ")))
                    }
                }
            }
        }
    };
}

tuple_of_results!(A B);
tuple_of_results!(A B C);
tuple_of_results!(A B C D);
tuple_of_results!(A B C D E);
tuple_of_results!(A B C D E F);
tuple_of_results!(A B C D E F G);
tuple_of_results!(A B C D E F G H);
tuple_of_results!(A B C D E F G H I);

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(message: &'static str) -> anyhow::Result<u8> {
        Err(anyhow::Error::msg(message).context("A is wrong"))
    }

    #[test]
    fn values_of_all_settings_or_every_error() {
        assert_eq!(all((Ok(1), Ok("b"), Ok('c'))).unwrap(), (1, "b", 'c'));
        let error = all((wrong("no number"), Ok("b"), required::<u8>("CHASSIS_UNSET"))).unwrap_err();
        assert_eq!(format!("{error:#}"), "A is wrong: no number; CHASSIS_UNSET is not set");
    }
}
