//! Bearer tokens for the local stack, signed by a key that is made on first use and stays in this checkout.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use chrono::Utc;
use clap::{Args, value_parser};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wire::{InvalidId, UserId};

use crate::root;

/// The `iss` of local tokens. Nothing listens there: the gateway gets the keys from [`Signer::jwks_url`].
pub const ISSUER: &str = "https://issuer.localhost";

/// The `aud` of local tokens: the default of template.yaml's JwtAudience.
pub const AUDIENCE: &str = "order-system";

/// Whom a token speaks for, what it allows and for how long.
#[derive(Args, Clone, Debug)]
pub struct Grant {
    /// Whom the token speaks for: its `sub`
    #[arg(long, default_value = "USER-001", value_name = "USER_ID", value_parser = user_id)]
    pub user: String,

    /// What it allows, separated by spaces: orders:write, orders:read, inventory:write
    #[arg(long, default_value = "orders:write orders:read", value_name = "SCOPES")]
    pub scope: String,

    /// Seconds until it expires; the gateway takes it for a minute longer
    #[arg(long, default_value_t = 3600, value_name = "SECONDS", value_parser = value_parser!(u32).range(1..))]
    pub lifetime: u32,
}

impl Grant {
    /// An hour for one user, with the scopes of a customer.
    pub fn to(user: &str) -> Self {
        Self { user: user.to_owned(), scope: "orders:write orders:read".to_owned(), lifetime: 3600 }
    }
}

/// A user's id as the gateway takes it.
fn user_id(text: &str) -> Result<String, InvalidId> {
    text.parse().map(|user: UserId| user.to_string())
}

/// The claims of an access token ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)).
#[derive(Debug, Deserialize, Serialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    scope: String,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// The local issuer.
pub struct Signer {
    key: EncodingKey,
    key_id: String,
    jwks: PathBuf,
}

impl Signer {
    /// The signer of this checkout, in `.local/keys`.
    ///
    /// # Errors
    /// When the folder cannot be written or holds no ES256 key.
    pub fn local() -> Result<Self> {
        Self::open(&root().join(".local/keys"))
    }

    /// The signer whose key is in `dir`; the first call makes it, and its JWKS beside it.
    fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let file = dir.join("es256.pem");
        if !file.exists() {
            generate(&file)?;
        }
        let pem = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let key = EncodingKey::from_ec_pem(&pem).with_context(|| format!("{} holds no EC key", file.display()))?;

        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        let key_id = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(key_id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let jwks = dir.join("jwks.json");
        let mut new = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer_pretty(&mut new, &JwkSet { keys: vec![jwk] })?;
        new.persist(&jwks).with_context(|| format!("cannot write {}", jwks.display()))?;
        Ok(Self { key, key_id, jwks })
    }

    /// A signed token.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn token(&self, grant: &Grant) -> Result<String> {
        let now = Utc::now().timestamp();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: grant.user.clone(),
            scope: grant.scope.clone(),
            jti: Uuid::now_v7().to_string(),
            iat: now,
            nbf: now,
            exp: now + i64::from(grant.lifetime),
        };
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, &claims, &self.key).context("cannot sign a token")
    }

    /// Where the public key is published: a `file://` URL.
    pub fn jwks_url(&self) -> String {
        format!("file://{}", self.jwks.display())
    }
}

/// Makes a key that only its owner can read. Of two processes that do so at once, the first one's key stays.
fn generate(file: &Path) -> Result<()> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let key = key.map_err(|_| anyhow!("cannot generate a key"))?;
    let dir = file.parent().context("the key has no folder")?;
    // A temporary file has mode 0600.
    let mut new = tempfile::NamedTempFile::new_in(dir)?;
    new.write_all(pem::encode(&pem::Pem::new("PRIVATE KEY", key.as_ref())).as_bytes())?;
    match new.persist_noclobber(file) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot write {}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use clap::{Command, FromArgMatches};
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    #[test]
    fn a_token_verifies_against_the_published_keys() {
        let dir = tempfile::tempdir().unwrap();
        let signer = Signer::open(dir.path()).unwrap();
        let token = signer.token(&Grant::to("USER-007")).unwrap();

        let jwks: JwkSet = serde_json::from_slice(&fs::read(dir.path().join("jwks.json")).unwrap()).unwrap();
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        let jwk = jwks.find(&header.kid.unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "nbf"]);
        let claims = jsonwebtoken::decode::<Claims>(&token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).unwrap();
        assert_eq!((claims.claims.sub.as_str(), claims.claims.exp - claims.claims.iat), ("USER-007", 3600));
    }

    #[test]
    fn a_user_that_the_gateway_refuses_gets_no_token() {
        let grant = |args: [&'static str; 2]| {
            let matches =
                Grant::augment_args(Command::new("token")).try_get_matches_from(["token"].into_iter().chain(args));
            matches.and_then(|matches| Grant::from_arg_matches(&matches)).map_err(|error| error.to_string())
        };
        assert_eq!(grant(["--user", "USER-002"]).unwrap().user, "USER-002");
        assert_eq!(grant(["--lifetime", "1"]).unwrap().lifetime, 1);
        for user in ["", "a b", "a/b", "a\n"] {
            let error = grant(["--user", user]).unwrap_err();
            assert!(error.contains("user_id must be 1 to 64 letters, digits, '.', '_' or '-'"), "{error}");
        }
        assert!(grant(["--lifetime", "0"]).is_err());
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Signer::open(dir.path()).unwrap();
        let second = Signer::open(dir.path()).unwrap();
        assert_eq!(first.key_id, second.key_id);
        let mode = fs::metadata(dir.path().join("es256.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
