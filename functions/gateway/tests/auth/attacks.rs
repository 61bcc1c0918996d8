//! Forged and malformed tokens: each with a name and the reason for which it must be rejected.

use gateway::auth::{Expected, Keys, MAX_TOKEN, TokenError, verify};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use pem::Pem;
use serde_json::{Value, json};
use wire::problem::{Problem, ProblemType};

use crate::issuer::{AUDIENCE, ISSUER, Key, encode, good_claims, jwks, publish};
use crate::log::Log;
use crate::{START, authenticate, authenticator, now};

type Attack = (String, String, TokenError);

/// A JWKS with keys of all kinds, and attacks on it.
fn attacks() -> (String, Vec<Attack>) {
    let ((rsa, rsa_der), ec, ed) = (Key::rsa("rsa"), Key::ec("ec"), Key::ed("ed"));
    // An attacker's key that has the id of one of the issuer's keys.
    let attacker = Key::ec("ec");
    let rsa_jwk = rsa.jwk(json!({}));
    let modulus = rsa_jwk["n"].as_str().unwrap();
    let secret = "a secret of 32 bytes, well known.";
    let jwks = jwks(&[
        rsa_jwk.clone(),
        ec.jwk(json!({})),
        ed.jwk(json!({})),
        attacker.jwk(json!({})),
        ec.jwk(json!({"kid": "for-encryption", "use": "enc"})),
        ec.jwk(json!({"kid": "for-agreement", "use": null, "key_ops": ["deriveKey"]})),
        rsa.jwk(json!({"kid": "for-rs512", "alg": "RS512"})),
        rsa.jwk(json!({"kid": "for-es256", "alg": "ES256"})),
        // 1022 bits: no digit of base64url, besides the first, is split.
        rsa.jwk(json!({"kid": "small", "n": &modulus[..modulus.len() / 2]})),
        json!({"kid": "secret", "kty": "oct", "alg": "HS256", "k": encode(secret)}),
    ]);

    let mut attacks = Vec::new();
    let mut add = |name: &str, token: String, error| attacks.push((name.to_owned(), token, error));
    let good = ec.token(json!({}), json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else { unreachable!("a JWT has three parts") };

    // The format.
    add("no signature", format!("{header}.{claims}."), TokenError::Malformed);
    add("no third part", format!("{header}.{claims}"), TokenError::Malformed);
    add("no claims", format!("{header}..{signature}"), TokenError::Malformed);
    add("no header", format!(".{claims}.{signature}"), TokenError::Malformed);
    add("a fourth part", format!("{good}.{signature}"), TokenError::Malformed);
    add("an empty fourth part", format!("{good}."), TokenError::Malformed);
    add("five parts, as in a JWE", format!("{header}.a.b.c.d"), TokenError::Malformed);
    add("only dots", "..".to_owned(), TokenError::Malformed);
    add("padding after the header", ec.sign_encoded(&format!("{header}==.{claims}")), TokenError::Malformed);
    add("padding after the claims", ec.sign_encoded(&format!("{header}.{claims}==")), TokenError::Malformed);
    add("padding after the signature", format!("{good}=="), TokenError::Malformed);
    add("the standard base64 alphabet", format!("{header}.{claims}.+/{}", &signature[2..]), TokenError::Malformed);
    add(
        "another base64url text of the same signature",
        format!("{header}.{claims}.{}", respell(signature)),
        TokenError::Malformed,
    );
    add("a header that is not JSON", ec.sign("typ: JWT", &good_claims().to_string()), TokenError::Malformed);
    add("claims that are not JSON", ec.sign_encoded(&format!("{header}.{}", encode("sub: ADMIN"))), TokenError::Claims);
    add("claims that are a list", ec.sign_encoded(&format!("{header}.{}", encode("[]"))), TokenError::Claims);
    let deep = format!(r#"{{"deep":{}{},"sub":"USER-001"}}"#, "[".repeat(2000), "]".repeat(2000));
    add("deeply nested claims", ec.sign_encoded(&format!("{header}.{}", encode(deep))), TokenError::Claims);
    add("a token too long", ec.token(json!({}), json!({"pad": "x".repeat(MAX_TOKEN)})), TokenError::TooLong);

    // The signature.
    let admin = good_claims().to_string().replace("USER-001", "ADMIN");
    add("claims of another user", format!("{header}.{}.{signature}", encode(admin)), TokenError::Signature);
    let longer = json!({"alg": "ES256", "typ": "JWT", "kid": "ec"}).to_string();
    add("another header", format!("{}.{claims}.{signature}", encode(longer)), TokenError::Signature);
    add("an attacker's signature", attacker.token(json!({}), json!({})), TokenError::Signature);
    add("a signature of zeros", format!("{header}.{claims}.{}", encode([0; 64])), TokenError::Signature);
    add("a truncated signature", format!("{header}.{claims}.{}", &signature[..40]), TokenError::Signature);

    // The algorithm.
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let header = encode(json!({"alg": none, "typ": "JWT", "kid": "ec"}).to_string());
        add(&format!("alg {none:?}"), format!("{header}.{claims}.{signature}"), TokenError::Malformed);
        add(&format!("alg {none:?} and no signature"), format!("{header}.{claims}."), TokenError::Malformed);
    }
    add("no alg", ec.token(json!({"alg": null}), json!({})), TokenError::Malformed);
    add("ES256 for an RSA key", ec.token(json!({"kid": "rsa"}), json!({})), TokenError::Algorithm);
    add("EdDSA for an RSA key", ed.token(json!({"kid": "rsa"}), json!({})), TokenError::Algorithm);
    add("RS256 for an EC key", rsa.token(json!({"kid": "ec"}), json!({})), TokenError::Algorithm);
    add("ES256 for an Ed25519 key", ec.token(json!({"kid": "ed"}), json!({})), TokenError::Algorithm);
    for algorithm in [Algorithm::RS512, Algorithm::PS256] {
        let token = Key { id: "rsa".to_owned(), algorithm, private: rsa.private.clone() }.token(json!({}), json!({}));
        add(&format!("{algorithm:?} by a key for RS256"), token, TokenError::Algorithm);
    }
    let pem = pem::encode(&Pem::new("PUBLIC KEY", rsa_der.clone()));
    let jwk = rsa_jwk.to_string();
    let public: [(&str, &[u8]); 5] = [
        ("PEM", pem.as_bytes()),
        ("PEM without the final newline", pem.trim_end().as_bytes()),
        ("DER", &rsa_der),
        ("JWK", jwk.as_bytes()),
        ("modulus", modulus.as_bytes()),
    ];
    for (form, bytes) in public {
        let key = Key { private: EncodingKey::from_secret(bytes), ..hmac("rsa") };
        add(&format!("HS256 with the public key's {form}"), key.token(json!({}), json!({})), TokenError::Algorithm);
    }
    let key = Key { private: EncodingKey::from_secret(secret.as_bytes()), ..hmac("secret") };
    add("HS256 with a published secret", key.token(json!({}), json!({})), TokenError::UnknownKey);

    // The key.
    let unknown =
        ["other", "", "EC", "../../../../dev/null", "ec' OR '1'='1", "ec\0", "https://evil.example/jwks.json"];
    for kid in unknown {
        add(&format!("kid {kid:?}"), ec.token(json!({"kid": kid}), json!({})), TokenError::UnknownKey);
    }
    for kid in ["for-encryption", "for-agreement"] {
        add(&format!("a key {kid}"), ec.token(json!({"kid": kid}), json!({})), TokenError::UnknownKey);
    }
    for kid in ["for-rs512", "for-es256", "small"] {
        add(&format!("a key {kid}"), rsa.token(json!({"kid": kid}), json!({})), TokenError::UnknownKey);
    }
    add("no kid", ec.token(json!({"kid": null}), json!({})), TokenError::MissingKeyId);
    add("a kid that is a number", ec.token(json!({"kid": 1}), json!({})), TokenError::Malformed);
    let two = format!(r#"{{"alg":"ES256","typ":"JWT","kid":"ec","kid":"{}"}}"#, "other");
    add("two kids", ec.sign(&two, &good_claims().to_string()), TokenError::Malformed);
    let own = [
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("jwk", attacker.jwk(json!({}))),
    ];
    for (name, value) in own {
        // Signed by the issuer, then by the attacker whose key the header names.
        add(&format!("{name}, signed"), ec.token(json!({name: value}), json!({})), TokenError::EmbeddedKey);
        add(name, attacker.token(json!({name: value}), json!({})), TokenError::EmbeddedKey);
    }
    add("crit", ec.token(json!({"crit": ["exp"]}), json!({})), TokenError::CriticalExtension);
    add(
        "unencoded claims (RFC 7797)",
        ec.token(json!({"b64": false, "crit": ["b64"]}), json!({})),
        TokenError::CriticalExtension,
    );
    for typ in [json!(null), json!(""), json!("id+jwt"), json!("logout+jwt"), json!("dpop+jwt"), json!("application/")]
    {
        add(&format!("typ {typ}"), ec.token(json!({"typ": typ}), json!({})), TokenError::Type);
    }

    // The claims, each signed by the issuer.
    let claims: [(Value, TokenError); 39] = [
        (json!({"exp": START - 60}), TokenError::Expired),
        (json!({"exp": START - 86_400}), TokenError::Expired),
        (json!({"exp": 0}), TokenError::Expired),
        (json!({"exp": -1}), TokenError::Expired),
        (json!({"exp": null}), TokenError::Claims),
        (json!({"exp": (START + 3600).to_string()}), TokenError::Claims),
        (json!({"exp": [START + 3600]}), TokenError::Claims),
        (json!({"exp": true}), TokenError::Claims),
        (json!({"nbf": START + 61}), TokenError::NotYetValid),
        (json!({"nbf": START + 1_000_000_000_000_i64}), TokenError::NotYetValid),
        (json!({"nbf": "now"}), TokenError::Claims),
        (json!({"iat": START + 61}), TokenError::NotYetValid),
        (json!({"iat": "now"}), TokenError::Claims),
        (json!({"iss": null}), TokenError::Claims),
        (json!({"iss": ""}), TokenError::Issuer),
        (json!({"iss": "https://issuer.example"}), TokenError::Issuer),
        (json!({"iss": "https://ISSUER.example/"}), TokenError::Issuer),
        (json!({"iss": "https://issuer.example/.evil.example"}), TokenError::Issuer),
        (json!({"iss": ["https://evil.example/"]}), TokenError::Claims),
        (json!({"iss": [ISSUER]}), TokenError::Claims),
        (json!({"iss": {"iss": ISSUER}}), TokenError::Claims),
        (json!({"aud": null}), TokenError::Claims),
        (json!({"aud": ""}), TokenError::Audience),
        (json!({"aud": "another"}), TokenError::Audience),
        (json!({"aud": "order-system "}), TokenError::Audience),
        (json!({"aud": ["another", "order-system-2"]}), TokenError::Audience),
        (json!({"aud": []}), TokenError::Audience),
        (json!({"aud": [[AUDIENCE]]}), TokenError::Claims),
        (json!({"aud": 1}), TokenError::Claims),
        (json!({"sub": null}), TokenError::Claims),
        (json!({"sub": ""}), TokenError::Claims),
        (json!({"sub": 1}), TokenError::Claims),
        (json!({"sub": "USER/../ADMIN"}), TokenError::Claims),
        (json!({"sub": "USER-001\n"}), TokenError::Claims),
        (json!({"sub": "USER-001\0"}), TokenError::Claims),
        (json!({"sub": "USER-001\u{202e}"}), TokenError::Claims),
        (json!({"sub": "x".repeat(65)}), TokenError::Claims),
        (json!({"scope": ["inventory:write"]}), TokenError::Claims),
        (json!({"scope": 1}), TokenError::Claims),
    ];
    for (changes, error) in claims {
        add(&format!("claims {changes}"), ec.token(json!({}), changes), error);
    }
    // Duplicate claims: parsers disagree about which one counts (RFC 7519, section 4).
    for duplicate in
        [r#""sub":"ADMIN""#, r#""exp":9999999999"#, r#""aud":"order-system""#, r#""scope":"inventory:write""#]
    {
        let claims = good_claims().to_string().replacen('{', &format!("{{{duplicate},"), 1);
        add(
            &format!("duplicate {duplicate}"),
            ec.sign_encoded(&format!("{header}.{}", encode(claims))),
            TokenError::Claims,
        );
    }
    let huge = good_claims().to_string().replace(&(START + 3600).to_string(), "1e999");
    add("exp 1e999", ec.sign_encoded(&format!("{header}.{}", encode(huge))), TokenError::Claims);
    (jwks, attacks)
}

fn hmac(id: &str) -> Key {
    Key { id: id.to_owned(), algorithm: Algorithm::HS256, private: EncodingKey::from_secret(b"") }
}

/// Another base64url text that decodes to the same bytes if the unused bits of the last character are ignored.
fn respell(signature: &str) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = signature.split_at(signature.len() - 1);
    let at = LETTERS.find(last).unwrap();
    format!("{rest}{}", &LETTERS[at + 1..at + 2])
}

#[test]
fn every_attack_is_rejected_for_its_own_reason() {
    let (jwks, attacks) = attacks();
    let keys = Keys::from_json(jwks.as_bytes()).unwrap();
    assert_eq!(keys.len(), 3, "only these can be used: rsa, ec, ed");
    let expected = Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
    for (name, token, error) in attacks {
        assert_eq!(verify(&token, &keys, &expected, now()), Err(error), "{name}: {token}");
    }
}

#[tokio::test]
async fn caller_is_not_told_the_reason_and_the_token_is_not_logged() {
    let (jwks, attacks) = attacks();
    let file = tempfile::NamedTempFile::new().unwrap();
    let authenticator = authenticator(&publish(&jwks, file.path()));
    let log = Log::start();
    for (name, token, error) in &attacks {
        let problem = authenticate(&authenticator, token).await.unwrap_err();
        let expected = match error {
            // The header also has `Bearer `, so it is too long before the token is.
            TokenError::TooLong => {
                Problem::new(ProblemType::HeadersTooLarge, "the Authorization header can have at most 8192 bytes")
            }
            TokenError::Expired => Problem::new(ProblemType::InvalidToken, "the token has expired"),
            _ => Problem::new(ProblemType::InvalidToken, "the token is not valid"),
        };
        assert_eq!(problem, expected, "{name}");
    }
    let log = log.text();
    assert!(log.contains("reason=the token has expired key_id=\"ec\""), "{log}");
    for (name, token, _) in &attacks {
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!log.contains(part), "{name}: {log}");
        }
    }
    for text in ["ADMIN", "USER-001", "evil.example", "dev/null", "OR '1'"] {
        assert!(!log.contains(text), "{text}: {log}");
    }
}

#[test]
fn signature_covers_the_header_and_the_claims() {
    // Makes sure that the attacks above fail for their own reasons, and not because no signature is ever valid.
    let (key, keys) = (Key::ec("ec"), Key::ec("other"));
    let token = key.token(json!({}), json!({}));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let public = |key: &Key| Keys::from_json(jwks(&[key.jwk(json!({"kid": "ec"}))]).as_bytes()).unwrap();
    let expected = Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
    assert!(verify(&token, &public(&key), &expected, now()).is_ok());
    assert_eq!(verify(&token, &public(&keys), &expected, now()), Err(TokenError::Signature));
    let again = crypto::sign(message.as_bytes(), &key.private, key.algorithm).unwrap();
    assert_ne!(again, signature, "ECDSA is randomised");
    assert!(verify(&format!("{message}.{again}"), &public(&key), &expected, now()).is_ok());
}
