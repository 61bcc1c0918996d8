//! The function's start: what is missing or wrong in its environment.

use std::process::Command;

/// What the function says when it starts with these variables.
fn start(environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payment"));
    command.env_clear().env("AWS_REGION", "eu-central-1").env("PAYMENTS_TABLE", "payments");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    assert!(!output.status.success(), "{environment:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_provider_that_is_missing_or_wrong_ends_the_start_with_a_line_that_names_its_variable() {
    let http = ("PAYMENT_PROVIDER", "http");
    let url = ("PAYMENT_PROVIDER_URL", "https://provider.example");
    for (environment, line) in [
        (&[][..], "error: PAYMENT_PROVIDER is not set\n"),
        (&[("PAYMENT_PROVIDER", "cash")], "error: PAYMENT_PROVIDER is wrong: \"cash\" is neither simulated nor http\n"),
        (&[http], "error: PAYMENT_PROVIDER_URL is not set\n"),
        (&[http, ("PAYMENT_PROVIDER_URL", "ftp://x")], "error: PAYMENT_PROVIDER_URL is wrong: not an http(s) URL\n"),
        (
            &[http, url, ("PAYMENT_PROVIDER_API_KEY", "sec\nret")],
            "error: PAYMENT_PROVIDER_API_KEY is wrong: failed to parse header value\n",
        ),
    ] {
        assert_eq!(start(environment), line, "{environment:?}");
    }
}
