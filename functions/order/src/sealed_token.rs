//! The payment token of a recorded order: encrypted with AES-256-GCM, for the order's id. Who can read the table, its stream or a
//! backup cannot charge with it, and it is removed when the order ends.

use std::fmt;
use std::str::FromStr;

use anyhow::Context as _;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use wire::{OrderId, PaymentToken};

/// An encrypted payment token: base64 of the nonce and the ciphertext with its tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedToken(String);

/// The keys for payment tokens. The first one encrypts; all of them decrypt, so that a new key can be put in front.
pub struct TokenKeys(Vec<RandomizedNonceKey>);

impl TokenKeys {
    pub(crate) fn seal(&self, order: OrderId, token: &PaymentToken) -> anyhow::Result<SealedToken> {
        let key = self.0.first().context("there is no key for payment tokens")?;
        let mut bytes = token.as_str().as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(order.to_string()), &mut bytes);
        let nonce = nonce.context("a payment token could not be encrypted")?;
        Ok(SealedToken(BASE64_STANDARD.encode([nonce.as_ref().as_slice(), &bytes].concat())))
    }

    pub(crate) fn open(&self, order: OrderId, token: &SealedToken) -> anyhow::Result<PaymentToken> {
        let sealed = BASE64_STANDARD.decode(&token.0).context("a payment token is not base64")?;
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).context("a payment token is too short")?;
        let opened = self.0.iter().find_map(|key| {
            let (nonce, mut bytes) = (Nonce::try_assume_unique_for_key(nonce).ok()?, sealed.to_vec());
            let opened = key.open_in_place(nonce, Aad::from(order.to_string()), &mut bytes).ok()?;
            String::from_utf8(opened.to_vec()).ok()
        });
        let opened = opened.with_context(|| format!("no key decrypts the payment token of order {order}"))?;
        Ok(opened.try_into()?)
    }
}

/// Keys of 32 bytes in base64, separated by commas. The padding may be left out, because not every reader of environment files takes
/// a value with `=`. An error says nothing about the keys' content.
impl FromStr for TokenKeys {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let key = |text: &str| {
            let bytes = BASE64_STANDARD_NO_PAD.decode(text.trim().trim_end_matches('=')).ok()?;
            RandomizedNonceKey::new(&AES_256_GCM, &bytes).ok()
        };
        let keys: Option<Vec<_>> = text.split(',').map(key).collect();
        keys.map(Self).ok_or("it must be one or more keys of 32 bytes in base64, separated by commas")
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w=";
    const NEW: &str = "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU=";

    fn keys(text: &str) -> TokenKeys {
        text.parse().unwrap()
    }

    #[test]
    fn sealed_token_opens_only_for_its_order_and_with_its_key() {
        let (order, token) = (OrderId::new(), PaymentToken::try_from("tok_approve".to_owned()).unwrap());
        let sealed = keys(OLD).seal(order, &token).unwrap();
        assert!(!format!("{sealed:?}").contains("tok_"), "{sealed:?}");
        assert_eq!(keys(OLD.trim_end_matches('=')).open(order, &sealed).unwrap(), token, "without padding");
        assert_eq!(keys(&format!("{NEW}, {OLD}")).open(order, &sealed).unwrap(), token, "after a change of keys");
        assert!(keys(NEW).open(order, &sealed).is_err());
        assert!(keys(OLD).open(OrderId::new(), &sealed).is_err());
        assert!(keys(OLD).open(order, &SealedToken("tok_approve".into())).is_err());
    }

    #[test]
    fn wrong_keys_are_rejected_without_showing_them() {
        for wrong in ["", "5ecret", "b2xk", &format!("{OLD},")] {
            let error = wrong.parse::<TokenKeys>().unwrap_err();
            assert!(error.contains("32 bytes in base64") && !error.contains("5ecret"), "{wrong}");
        }
        assert!(!format!("{:?}", keys(OLD)).contains("old"));
    }
}
