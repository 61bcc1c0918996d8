//! One file with the environment of every function, for programs that take one file for all of them, such as `cargo lambda
//! watch`.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use local_sam_template::Function;

use crate::endpoints::Endpoints;
use crate::functions::environment;

/// The variable with the name of a function's service in telemetry.
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// The file's text: one line `NAME=value` per variable.
///
/// # Errors
/// When two functions need different values of a variable, or a value cannot be written into such a file.
pub(crate) fn render(functions: &[Function], endpoints: &Endpoints) -> Result<String> {
    let environments = functions.iter().map(|function| (&*function.name, environment::local(function, endpoints)));
    union(environments)?.iter().map(|(name, value)| line(name, value)).collect()
}

fn line(name: &str, value: &str) -> Result<String> {
    // Readers of such files disagree about quotes, escapes and comments, so nothing that needs them is written.
    let plain = |c: char| c.is_ascii_graphic() && !"'\"\\`$#".contains(c);
    ensure!(
        value.chars().all(plain),
        "{name} cannot be written to a file of variables: {value:?} has special characters"
    );
    Ok(format!("{name}={value}\n"))
}

/// The variables of all functions. Empty ones are left out, because they count as unset. So is the service name, which is
/// different for each function: without it, telemetry uses the function's name, which Lambda sets.
fn union<'a>(
    environments: impl Iterator<Item = (&'a str, BTreeMap<String, String>)>,
) -> Result<BTreeMap<String, String>> {
    let mut union: BTreeMap<String, (String, &str)> = BTreeMap::new();
    for (function, environment) in environments {
        for (name, value) in environment {
            if name == SERVICE_NAME {
                ensure!(
                    value == function,
                    "{SERVICE_NAME} of {function} is {value:?}; give the function's binary that name"
                );
                continue;
            }
            if value.is_empty() {
                continue;
            }
            let (other, first) = union.entry(name.clone()).or_insert_with(|| (value.clone(), function));
            ensure!(
                *other == value,
                "{name} is {other:?} for {first} and {value:?} for {function}: one file cannot serve both; give the functions \
                 variables of different names in template.yaml"
            );
        }
    }
    Ok(union.into_iter().map(|(name, (value, _))| (name, value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn union_of(environments: &[(&'static str, &[(&str, &str)])]) -> Result<BTreeMap<String, String>> {
        let map = |variables: &[(&str, &str)]| {
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        union(environments.iter().map(|(function, variables)| (*function, map(variables))))
    }

    #[test]
    fn file_has_the_variables_of_every_function() {
        let union = union_of(&[
            ("order", &[("OTEL_SERVICE_NAME", "order"), ("TABLE", "orders"), ("REGION", "r")]),
            ("payment", &[("OTEL_SERVICE_NAME", "payment"), ("PROVIDER", "simulated"), ("REGION", "r"), ("KEY", "")]),
        ]);
        let expected = [("PROVIDER", "simulated"), ("REGION", "r"), ("TABLE", "orders")];
        assert_eq!(union.unwrap(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn variable_with_two_values_is_an_error_that_names_the_functions() {
        let error = union_of(&[("order", &[("TABLE", "a")]), ("payment", &[("TABLE", "b")])]).unwrap_err().to_string();
        assert!(error.starts_with(r#"TABLE is "a" for order and "b" for payment: "#), "{error}");
    }

    #[test]
    fn service_name_that_is_not_the_functions_name_is_an_error() {
        let error = union_of(&[("order", &[("OTEL_SERVICE_NAME", "orders")])]).unwrap_err().to_string();
        assert!(error.starts_with(r#"OTEL_SERVICE_NAME of order is "orders""#), "{error}");
    }

    #[test]
    fn value_with_special_characters_is_an_error() {
        let error = line("GREETING", "a b").unwrap_err().to_string();
        assert!(error.starts_with("GREETING cannot be written"), "{error}");
    }
}
