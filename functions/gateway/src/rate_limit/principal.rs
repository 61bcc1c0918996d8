//! Whose requests are counted together.

use std::net::IpAddr;

use wire::UserId;

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Who the token says it is, from wherever.
    User(UserId),
    /// An address, where there is no valid token. An IPv6 address counts as its /64, because that is what one customer gets
    /// ([RFC 6177](https://www.rfc-editor.org/rfc/rfc6177)), who has 2^64 addresses to ask from.
    Address(IpAddr),
}

impl Principal {
    /// The partition key in the table. It is personal data: it goes nowhere else.
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
    fn addresses_of_one_customer_are_one_principal() {
        let key = |address: &str| Principal::Address(address.parse().unwrap()).key();
        assert_eq!(key("203.0.113.7"), "ip#203.0.113.7");
        assert_eq!(key("::ffff:203.0.113.7"), "ip#203.0.113.7");
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "ip#2001:db8:1:2::/64");
        assert_eq!(key("2001:db8:1:2::"), "ip#2001:db8:1:2::/64");
        assert_ne!(key("2001:db8:1:3::"), key("2001:db8:1:2::"));
        assert_eq!(Principal::User("USER-001".parse().unwrap()).key(), "user#USER-001");
    }
}
