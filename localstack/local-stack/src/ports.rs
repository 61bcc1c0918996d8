//! TCP ports on the loopback interface: finding free ones, and checking the configured ones before the start.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use anyhow::{Result, bail};
use uuid::Uuid;

/// A configurable port that a part of the stack will listen on.
pub(crate) struct Port {
    pub(crate) number: u16,
    /// The part that listens there, for the error message.
    pub(crate) purpose: &'static str,
    /// The environment variable that changes it. The command-line option has the same name.
    pub(crate) variable: &'static str,
}

/// The range in which free ports are looked for. It is below the ports that Linux and macOS use for outgoing
/// connections: it takes seconds until a part listens on its port, and a connection opened in the meantime could
/// otherwise take the port.
const RANGE: std::ops::Range<u16> = 20_000..30_000;

/// Listens on a port of every loopback address that this machine has (127.0.0.1, and `::1` if it has IPv6), because
/// clients resolve `localhost` to either of them: `cargo lambda invoke` connects to `::1`.
pub(crate) fn listen(port: u16) -> io::Result<Vec<TcpListener>> {
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    if !has_v6() {
        return Ok(vec![v4]);
    }
    Ok(vec![v4, TcpListener::bind((Ipv6Addr::LOCALHOST, port))?])
}

/// Whether this machine has the loopback address `::1`.
fn has_v6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// Distinct ports that nothing listens on.
///
/// # Errors
/// When there are not enough.
pub fn free<const N: usize>() -> io::Result<[u16; N]> {
    // Starts at a random port, so that two stacks that start at the same time try different ports. Every port is held
    // until the last one is found, so that all are distinct.
    let (length, random) = (RANGE.len(), Uuid::new_v4().as_fields().0 as usize);
    let candidates = RANGE.cycle().skip(random % length).take(length);
    let held: Vec<_> = candidates.filter_map(|port| Some((port, listen(port).ok()?))).take(N).collect();
    let ports: Vec<_> = held.iter().map(|(port, _)| *port).collect();
    ports.try_into().map_err(|_| io::Error::other("there are not enough free ports"))
}

/// Fails if something already listens on one of the ports. The error says how to choose another port.
pub(crate) fn check(ports: &[Port]) -> Result<()> {
    for Port { number, purpose, variable } in ports {
        if let Err(error) = listen(*number) {
            let flag = variable.to_lowercase().replace('_', "-");
            let reason = match error.kind() {
                io::ErrorKind::AddrInUse => "another process listens there already".to_owned(),
                _ => error.to_string(),
            };
            bail!("port {number}, for {purpose}: {reason}; stop it, or set {variable} or --{flag} to another port");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_port_is_an_error_that_names_its_setting() {
        let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = busy.local_addr().unwrap().port();
        let error = check(&[Port { number, purpose: "the API", variable: "API_PORT" }]).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("port {number}, for the API: another process listens there already")),
            "{error}"
        );
        assert!(error.ends_with("set API_PORT or --api-port to another port"), "{error}");
    }

    #[test]
    fn free_ports_are_distinct_and_can_be_bound() {
        let ports: [u16; 8] = free().unwrap();
        let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), ports.len());
        check(&ports.map(|number| Port { number, purpose: "a test", variable: "X" })).unwrap();
    }
}
