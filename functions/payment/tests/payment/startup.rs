//! The function's start with missing or invalid environment variables.

use std::process::Command;

/// Starts the function, which must fail, and returns its standard error.
fn start_error(environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payment"));
    command.env_clear().env("AWS_REGION", "eu-central-1").env("PAYMENTS_TABLE", "payments");
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    assert!(!output.status.success(), "{environment:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn missing_or_invalid_setting_fails_the_start_and_is_named() {
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
        (
            &[http, ("PAYMENTS_TABLE", ""), ("PAYMENT_PROVIDER_API_KEY", "sec\nret"), ("ALLOWED_CALLERS", "")],
            "error: PAYMENTS_TABLE is not set; PAYMENT_PROVIDER_URL is not set; \
             PAYMENT_PROVIDER_API_KEY is wrong: failed to parse header value; ALLOWED_CALLERS is not set\n",
        ),
    ] {
        assert_eq!(start_error(environment), line, "{environment:?}");
    }
}
