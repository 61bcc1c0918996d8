//! The unit that a rate limit counts: a user or a source address.

use std::net::IpAddr;

use wire::UserId;

/// A user or a source address. All its requests share one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The user of a valid token, whatever the source address.
    User(UserId),
    /// The source address of a request without a valid token. An IPv6 address counts as its /64 network: one customer gets at least
    /// that ([RFC 6177](https://www.rfc-editor.org/rfc/rfc6177)), and could otherwise use 2^64 buckets.
    Address(IpAddr),
}

impl Principal {
    /// The partition key in the table. It is personal data, and must not be logged or recorded in spans.
    pub(super) fn key(&self) -> String {
        match self {
            Self::User(user) => format!("user#{user}"),
            Self::Address(address) => match address.to_canonical() {
                IpAddr::V4(address) => format!("ip#{address}"),
                IpAddr::V6(address) => {
                    let network = u128::from(address) >> 64 << 64;
                    format!("ip#{}/64", std::net::Ipv6Addr::from(network))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_customer_share_a_bucket() {
        let key = |address: &str| Principal::Address(address.parse().unwrap()).key();
        assert_eq!(key("203.0.113.7"), "ip#203.0.113.7");
        assert_eq!(key("::ffff:203.0.113.7"), "ip#203.0.113.7");
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "ip#2001:db8:1:2::/64");
        assert_eq!(key("2001:db8:1:2::"), "ip#2001:db8:1:2::/64");
        assert_ne!(key("2001:db8:1:3::"), key("2001:db8:1:2::"));
        assert_eq!(Principal::User("USER-001".parse().unwrap()).key(), "user#USER-001");
    }
}
