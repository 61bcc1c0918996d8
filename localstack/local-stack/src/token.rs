//! Bearer tokens for the local stack, in place of an identity provider. The signing key is created on first use and
//! kept in the checkout.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
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

/// The `iss` of local tokens. Nothing listens at this URL: the gateway reads the keys from [`Signer::jwks_url`].
pub const ISSUER: &str = "https://issuer.localhost";

/// The `aud` of local tokens: the default of the parameter JwtAudience in template.yaml.
pub const AUDIENCE: &str = "order-system";

/// The contents of a token: its user, scopes and lifetime.
#[derive(Args, Clone, Debug)]
pub struct Grant {
    /// User of the token: its `sub`
    #[arg(long, default_value = "USER-001", value_name = "USER_ID", value_parser = user_id)]
    pub user: String,

    /// Scopes of the token, separated by spaces: orders:write, orders:read, inventory:write
    #[arg(long, default_value = "orders:write orders:read", value_name = "SCOPES")]
    pub scope: String,

    /// Seconds until the token expires; the gateway accepts it for one minute longer
    #[arg(long, default_value_t = 3600, value_name = "SECONDS", value_parser = value_parser!(u32).range(1..))]
    pub lifetime: u32,
}

impl Grant {
    /// The scopes of a customer, for one hour.
    pub fn to(user: &str) -> Self {
        Self { user: user.to_owned(), scope: "orders:write orders:read".to_owned(), lifetime: 3600 }
    }
}

/// Parses a user id by the gateway's rules.
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

/// Signs tokens with the local key.
pub struct Signer {
    key: EncodingKey,
    key_id: String,
    jwks: PathBuf,
}

impl Signer {
    /// The signer of this checkout, with its key in `.local/keys`.
    ///
    /// # Errors
    /// When the folder cannot be written, or its key is not an ES256 key.
    pub fn local() -> Result<Self> {
        Self::open(&root().join(".local/keys"))
    }

    /// The signer with its key in `dir`. The first call creates the key. Every call writes the JWKS beside it.
    fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let file = dir.join("es256.pem");
        if !file.exists() {
            generate(&file)?;
        }
        let pem = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let key = EncodingKey::from_ec_pem(&pem).with_context(|| format!("{} is not an EC key", file.display()))?;

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

    /// Signs a token.
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

    /// The URL of the JWKS with the public key: a `file://` URL.
    pub fn jwks_url(&self) -> String {
        format!("file://{}", self.jwks.display())
    }
}

/// Creates a key file that only its owner can read. If two processes do this at the same time, the first one's key is
/// kept.
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
    fn token_verifies_against_the_published_keys() {
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
    fn user_id_that_the_gateway_rejects_is_rejected() {
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
    fn key_is_created_once_and_readable_by_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let first = Signer::open(dir.path()).unwrap();
        let second = Signer::open(dir.path()).unwrap();
        assert_eq!(first.key_id, second.key_id);
        let mode = fs::metadata(dir.path().join("es256.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
