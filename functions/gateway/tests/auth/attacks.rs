//! Tokens made to break in: a name, the token, and why it is refused.

use gateway::auth::{Expected, Keys, MAX_TOKEN, Refusal, verify};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use pem::Pem;
use serde_json::{Value, json};
use wire::problem::{Problem, ProblemType};

use crate::issuer::{AUDIENCE, ISSUER, Key, encode, good_claims, jwks, publish};
use crate::log::Log;
use crate::{START, ask, authenticator, now};

type Attack = (String, String, Refusal);

/// A JWKS with keys of all kinds, and the attacks on it.
fn attacks() -> (String, Vec<Attack>) {
    let ((rsa, rsa_der), ec, ed) = (Key::rsa("rsa"), Key::ec("ec"), Key::ed("ed"));
    // Not the issuer's, under the id of one that is.
    let stranger = Key::ec("ec");
    let rsa_jwk = rsa.jwk(json!({}));
    let modulus = rsa_jwk["n"].as_str().unwrap();
    let secret = "a secret of 32 bytes, well known.";
    let jwks = jwks(&[
        rsa_jwk.clone(),
        ec.jwk(json!({})),
        ed.jwk(json!({})),
        stranger.jwk(json!({})),
        ec.jwk(json!({"kid": "for-encryption", "use": "enc"})),
        ec.jwk(json!({"kid": "for-agreement", "use": null, "key_ops": ["deriveKey"]})),
        rsa.jwk(json!({"kid": "for-rs512", "alg": "RS512"})),
        rsa.jwk(json!({"kid": "for-es256", "alg": "ES256"})),
        // 1022 bits: no digit of base64url, besides the first, is split.
        rsa.jwk(json!({"kid": "small", "n": &modulus[..modulus.len() / 2]})),
        json!({"kid": "secret", "kty": "oct", "alg": "HS256", "k": encode(secret)}),
    ]);

    let mut attacks = Vec::new();
    let mut add = |name: &str, token: String, refusal| attacks.push((name.to_owned(), token, refusal));
    let good = ec.token(json!({}), json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else { unreachable!("a JWT has three parts") };

    // The form.
    add("no signature", format!("{header}.{claims}."), Refusal::Malformed);
    add("no third part", format!("{header}.{claims}"), Refusal::Malformed);
    add("no claims", format!("{header}..{signature}"), Refusal::Malformed);
    add("no header", format!(".{claims}.{signature}"), Refusal::Malformed);
    add("a fourth part", format!("{good}.{signature}"), Refusal::Malformed);
    add("a fourth part, empty", format!("{good}."), Refusal::Malformed);
    add("five parts, as a JWE has", format!("{header}.a.b.c.d"), Refusal::Malformed);
    add("only dots", "..".to_owned(), Refusal::Malformed);
    add("padding after the header", ec.sign_encoded(&format!("{header}==.{claims}")), Refusal::Malformed);
    add("padding after the claims", ec.sign_encoded(&format!("{header}.{claims}==")), Refusal::Malformed);
    add("padding after the signature", format!("{good}=="), Refusal::Malformed);
    add("base64 of the other alphabet", format!("{header}.{claims}.+/{}", &signature[2..]), Refusal::Malformed);
    add("the same signature in other letters", format!("{header}.{claims}.{}", respell(signature)), Refusal::Malformed);
    add("a header that is no JSON", ec.sign("typ: JWT", &good_claims().to_string()), Refusal::Malformed);
    add("claims that are no JSON", ec.sign_encoded(&format!("{header}.{}", encode("sub: ADMIN"))), Refusal::Claims);
    add("claims that are a list", ec.sign_encoded(&format!("{header}.{}", encode("[]"))), Refusal::Claims);
    let deep = format!(r#"{{"deep":{}{},"sub":"USER-001"}}"#, "[".repeat(2000), "]".repeat(2000));
    add("claims nested deeply", ec.sign_encoded(&format!("{header}.{}", encode(deep))), Refusal::Claims);
    add("a token too long", ec.token(json!({}), json!({"pad": "x".repeat(MAX_TOKEN)})), Refusal::TooLong);

    // The signature.
    let admin = good_claims().to_string().replace("USER-001", "ADMIN");
    add("claims of another", format!("{header}.{}.{signature}", encode(admin)), Refusal::Signature);
    let longer = json!({"alg": "ES256", "typ": "JWT", "kid": "ec"}).to_string();
    add("another header", format!("{}.{claims}.{signature}", encode(longer)), Refusal::Signature);
    add("a stranger's signature", stranger.token(json!({}), json!({})), Refusal::Signature);
    add("a signature of zeros", format!("{header}.{claims}.{}", encode([0; 64])), Refusal::Signature);
    add("a signature cut short", format!("{header}.{claims}.{}", &signature[..40]), Refusal::Signature);

    // The algorithm.
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let header = encode(json!({"alg": none, "typ": "JWT", "kid": "ec"}).to_string());
        add(&format!("alg {none:?}"), format!("{header}.{claims}.{signature}"), Refusal::Malformed);
        add(&format!("alg {none:?} and no signature"), format!("{header}.{claims}."), Refusal::Malformed);
    }
    add("no alg", ec.token(json!({"alg": null}), json!({})), Refusal::Malformed);
    add("ES256 for an RSA key", ec.token(json!({"kid": "rsa"}), json!({})), Refusal::Algorithm);
    add("EdDSA for an RSA key", ed.token(json!({"kid": "rsa"}), json!({})), Refusal::Algorithm);
    add("RS256 for an EC key", rsa.token(json!({"kid": "ec"}), json!({})), Refusal::Algorithm);
    add("ES256 for an Ed25519 key", ec.token(json!({"kid": "ed"}), json!({})), Refusal::Algorithm);
    for algorithm in [Algorithm::RS512, Algorithm::PS256] {
        let token = Key { id: "rsa".to_owned(), algorithm, private: rsa.private.clone() }.token(json!({}), json!({}));
        add(&format!("{algorithm:?} by a key for RS256"), token, Refusal::Algorithm);
    }
    let pem = pem::encode(&Pem::new("PUBLIC KEY", rsa_der.clone()));
    let jwk = rsa_jwk.to_string();
    let public: [(&str, &[u8]); 5] = [
        ("PEM", pem.as_bytes()),
        ("PEM without the last line's end", pem.trim_end().as_bytes()),
        ("DER", &rsa_der),
        ("JWK", jwk.as_bytes()),
        ("modulus", modulus.as_bytes()),
    ];
    for (form, bytes) in public {
        let key = Key { private: EncodingKey::from_secret(bytes), ..hmac("rsa") };
        add(&format!("HS256 with the public key's {form}"), key.token(json!({}), json!({})), Refusal::Algorithm);
    }
    let key = Key { private: EncodingKey::from_secret(secret.as_bytes()), ..hmac("secret") };
    add("HS256 with a secret that is published", key.token(json!({}), json!({})), Refusal::UnknownKey);

    // The key.
    let unknown =
        ["other", "", "EC", "../../../../dev/null", "ec' OR '1'='1", "ec\0", "https://evil.example/jwks.json"];
    for kid in unknown {
        add(&format!("kid {kid:?}"), ec.token(json!({"kid": kid}), json!({})), Refusal::UnknownKey);
    }
    for kid in ["for-encryption", "for-agreement"] {
        add(&format!("a key {kid}"), ec.token(json!({"kid": kid}), json!({})), Refusal::UnknownKey);
    }
    for kid in ["for-rs512", "for-es256", "small"] {
        add(&format!("a key {kid}"), rsa.token(json!({"kid": kid}), json!({})), Refusal::UnknownKey);
    }
    add("no kid", ec.token(json!({"kid": null}), json!({})), Refusal::NoKey);
    add("a kid that is a number", ec.token(json!({"kid": 1}), json!({})), Refusal::Malformed);
    let two = format!(r#"{{"alg":"ES256","typ":"JWT","kid":"ec","kid":"{}"}}"#, "other");
    add("two kids", ec.sign(&two, &good_claims().to_string()), Refusal::Malformed);
    let own = [
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("jwk", stranger.jwk(json!({}))),
    ];
    for (name, value) in own {
        // Signed by the issuer, and by whom the header names.
        add(&format!("{name}, signed"), ec.token(json!({name: value}), json!({})), Refusal::OwnKey);
        add(name, stranger.token(json!({name: value}), json!({})), Refusal::OwnKey);
    }
    add("crit", ec.token(json!({"crit": ["exp"]}), json!({})), Refusal::Critical);
    add("unencoded claims (RFC 7797)", ec.token(json!({"b64": false, "crit": ["b64"]}), json!({})), Refusal::Critical);
    for typ in [json!(null), json!(""), json!("id+jwt"), json!("logout+jwt"), json!("dpop+jwt"), json!("application/")]
    {
        add(&format!("typ {typ}"), ec.token(json!({"typ": typ}), json!({})), Refusal::Type);
    }

    // The claims, each signed by the issuer.
    let claims: [(Value, Refusal); 39] = [
        (json!({"exp": START - 60}), Refusal::Expired),
        (json!({"exp": START - 86_400}), Refusal::Expired),
        (json!({"exp": 0}), Refusal::Expired),
        (json!({"exp": -1}), Refusal::Expired),
        (json!({"exp": null}), Refusal::Claims),
        (json!({"exp": (START + 3600).to_string()}), Refusal::Claims),
        (json!({"exp": [START + 3600]}), Refusal::Claims),
        (json!({"exp": true}), Refusal::Claims),
        (json!({"nbf": START + 61}), Refusal::Early),
        (json!({"nbf": START + 1_000_000_000_000_i64}), Refusal::Early),
        (json!({"nbf": "now"}), Refusal::Claims),
        (json!({"iat": START + 61}), Refusal::Early),
        (json!({"iat": "now"}), Refusal::Claims),
        (json!({"iss": null}), Refusal::Claims),
        (json!({"iss": ""}), Refusal::Issuer),
        (json!({"iss": "https://issuer.example"}), Refusal::Issuer),
        (json!({"iss": "https://ISSUER.example/"}), Refusal::Issuer),
        (json!({"iss": "https://issuer.example/.evil.example"}), Refusal::Issuer),
        (json!({"iss": ["https://evil.example/"]}), Refusal::Claims),
        (json!({"iss": [ISSUER]}), Refusal::Claims),
        (json!({"iss": {"iss": ISSUER}}), Refusal::Claims),
        (json!({"aud": null}), Refusal::Claims),
        (json!({"aud": ""}), Refusal::Audience),
        (json!({"aud": "another"}), Refusal::Audience),
        (json!({"aud": "order-system "}), Refusal::Audience),
        (json!({"aud": ["another", "order-system-2"]}), Refusal::Audience),
        (json!({"aud": []}), Refusal::Audience),
        (json!({"aud": [[AUDIENCE]]}), Refusal::Claims),
        (json!({"aud": 1}), Refusal::Claims),
        (json!({"sub": null}), Refusal::Claims),
        (json!({"sub": ""}), Refusal::Claims),
        (json!({"sub": 1}), Refusal::Claims),
        (json!({"sub": "USER/../ADMIN"}), Refusal::Claims),
        (json!({"sub": "USER-001\n"}), Refusal::Claims),
        (json!({"sub": "USER-001\0"}), Refusal::Claims),
        (json!({"sub": "USER-001\u{202e}"}), Refusal::Claims),
        (json!({"sub": "x".repeat(65)}), Refusal::Claims),
        (json!({"scope": ["inventory:write"]}), Refusal::Claims),
        (json!({"scope": 1}), Refusal::Claims),
    ];
    for (changes, refusal) in claims {
        add(&format!("claims {changes}"), ec.token(json!({}), changes), refusal);
    }
    // Two parsers would not agree about these (RFC 7519, section 4).
    for doubled in
        [r#""sub":"ADMIN""#, r#""exp":9999999999"#, r#""aud":"order-system""#, r#""scope":"inventory:write""#]
    {
        let claims = good_claims().to_string().replacen('{', &format!("{{{doubled},"), 1);
        add(&format!("twice {doubled}"), ec.sign_encoded(&format!("{header}.{}", encode(claims))), Refusal::Claims);
    }
    let huge = good_claims().to_string().replace(&(START + 3600).to_string(), "1e999");
    add("exp 1e999", ec.sign_encoded(&format!("{header}.{}", encode(huge))), Refusal::Claims);
    (jwks, attacks)
}

fn hmac(id: &str) -> Key {
    Key { id: id.to_owned(), algorithm: Algorithm::HS256, private: EncodingKey::from_secret(b"") }
}

/// Other base64url of the same bytes, for those who ignore the last letter's spare bits.
fn respell(signature: &str) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = signature.split_at(signature.len() - 1);
    let at = LETTERS.find(last).unwrap();
    format!("{rest}{}", &LETTERS[at + 1..at + 2])
}

#[test]
fn every_attack_is_refused_for_its_own_reason() {
    let (jwks, attacks) = attacks();
    let keys = Keys::from_json(jwks.as_bytes()).unwrap();
    assert_eq!(keys.len(), 3, "only these can be used: rsa, ec, ed");
    let expected = Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
    for (name, token, refusal) in attacks {
        assert_eq!(verify(&token, &keys, &expected, now()), Err(refusal), "{name}: {token}");
    }
}

#[tokio::test]
async fn a_refusal_says_no_more_than_that_and_nothing_of_the_token_is_logged() {
    let (jwks, attacks) = attacks();
    let file = tempfile::NamedTempFile::new().unwrap();
    let authenticator = authenticator(&publish(&jwks, file.path()));
    let log = Log::start();
    for (name, token, refusal) in &attacks {
        let problem = ask(&authenticator, token).await.unwrap_err();
        let expected = match refusal {
            // 7 bytes less are left beside `Bearer `.
            Refusal::TooLong => {
                Problem::new(ProblemType::HeadersTooLarge, "the Authorization header can have at most 8192 bytes")
            }
            Refusal::Expired => Problem::new(ProblemType::InvalidToken, "the token has expired"),
            _ => Problem::new(ProblemType::InvalidToken, "the token is not valid"),
        };
        assert_eq!(problem, expected, "{name}");
    }
    let log = log.text();
    assert!(log.contains("reason=it has expired key_id=\"ec\""), "{log}");
    for (name, token, _) in &attacks {
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!log.contains(part), "{name}: {log}");
        }
    }
    for theirs in ["ADMIN", "USER-001", "evil.example", "dev/null", "OR '1'"] {
        assert!(!log.contains(theirs), "{theirs}: {log}");
    }
}

#[test]
fn a_signature_is_checked_over_what_is_read() {
    // The table's attacks fail for what they say, and not because the issuer's signatures are none.
    let (key, keys) = (Key::ec("ec"), Key::ec("other"));
    let token = key.token(json!({}), json!({}));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let public = |key: &Key| Keys::from_json(jwks(&[key.jwk(json!({"kid": "ec"}))]).as_bytes()).unwrap();
    let expected = Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
    assert!(verify(&token, &public(&key), &expected, now()).is_ok());
    assert_eq!(verify(&token, &public(&keys), &expected, now()), Err(Refusal::Signature));
    let again = crypto::sign(message.as_bytes(), &key.private, key.algorithm).unwrap();
    assert_ne!(again, signature, "ECDSA is randomised");
    assert!(verify(&format!("{message}.{again}"), &public(&key), &expected, now()).is_ok());
}
