//! Valid tokens, including the borderline ones.

use gateway::Caller;
use gateway::auth::scope;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use wire::problem::ProblemType;

use crate::issuer::{AUDIENCE, Key, jwks, publish};
use crate::{START, authenticate, authenticator};

fn caller(user: &str, scope: &str) -> Caller {
    Caller { user_id: user.parse().unwrap(), scope: scope.to_owned() }
}

#[tokio::test]
async fn token_of_each_algorithm_is_accepted() {
    // A JWK can state its use in several ways, or leave it to the key type.
    let keys = [(Key::rsa("rsa").0, json!({})), (Key::ec("ec"), json!({"use": null, "key_ops": ["verify"]}))];
    let keys = keys.into_iter().chain([(Key::ed("ed"), json!({"alg": null, "use": null}))]);
    let keys = keys.chain([(Key::rsa("rsa-2").0, json!({"alg": null})), (Key::ec("ec-2"), json!({"alg": null}))]);
    let keys: Vec<(Key, Value)> = keys.collect();
    let file = NamedTempFile::new().unwrap();
    let published: Vec<Value> = keys.iter().map(|(key, changes)| key.jwk(changes.clone())).collect();
    let authenticator = authenticator(&publish(&jwks(&published), file.path()));
    for (key, _) in &keys {
        let token = key.token(json!({}), json!({"sub": "USER-007"}));
        let result = authenticate(&authenticator, &token).await;
        assert_eq!(result, Ok(caller("USER-007", "orders:write orders:read")), "{}", key.id);
    }
}

#[tokio::test]
async fn optional_claims_and_borderline_times_are_accepted() {
    let key = Key::ec("ec");
    let file = NamedTempFile::new().unwrap();
    let authenticator = authenticator(&publish(&jwks(&[key.jwk(json!({}))]), file.path()));
    for typ in ["at+jwt", "AT+JWT", "JWT", "jwt", "application/at+jwt", "Application/JWT"] {
        assert!(authenticate(&authenticator, &key.token(json!({"typ": typ}), json!({}))).await.is_ok(), "{typ}");
    }
    let claims = [
        json!({"aud": ["another", AUDIENCE]}),
        json!({"exp": START - 59}),
        json!({"exp": START as f64 + 0.5}),
        json!({"nbf": START + 60, "iat": START + 60}),
        json!({"nbf": null, "iat": null, "scope": null}),
        json!({"groups": [{"name": "unknown"}]}),
    ];
    for changes in claims {
        let result = authenticate(&authenticator, &key.token(json!({}), changes.clone())).await;
        assert_eq!(result.unwrap().user_id.as_str(), "USER-001", "{changes}");
    }
}

#[test]
fn scope_is_granted_only_by_its_exact_name() {
    let granted = caller("USER-001", "orders:write openid");
    assert_eq!(granted.require_scope(scope::ORDERS_WRITE), Ok(()));
    for text in ["", "orders:readx xorders:read", "orders", "ORDERS:READ", "orders:write,orders:read"] {
        let problem = caller("USER-001", text).require_scope(scope::ORDERS_READ).unwrap_err();
        assert_eq!(problem.kind, ProblemType::Forbidden, "{text:?}");
    }
}
