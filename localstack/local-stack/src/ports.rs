//! TCP ports on the loopback interface: free ones, and whether the chosen ones are.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use anyhow::{Result, bail};
use uuid::Uuid;

/// A port that one part of the stack will listen on.
pub(crate) struct Port {
    pub(crate) number: u16,
    /// What listens there, for people.
    pub(crate) purpose: &'static str,
    /// The variable that changes it; the flag has the same name.
    pub(crate) variable: &'static str,
}

/// Where free ports are looked for: below those that Linux and macOS give to outgoing connections. Seconds pass until a part
/// listens on its port, and any of the connections made meanwhile could take it.
const RANGE: std::ops::Range<u16> = 20_000..30_000;

/// Listens on a port of every loopback address that this machine has. What `localhost` means, and which of the two a client
/// takes, differs: `cargo lambda invoke` takes `::1`.
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

/// Ports that nothing listens on, all different.
pub(crate) fn free<const N: usize>() -> io::Result<[u16; N]> {
    // From anywhere in the range, so that two stacks that start at once don't look at the same ports. All are held until the
    // last is found, so that none comes twice.
    let (length, anywhere) = (RANGE.len(), Uuid::new_v4().as_fields().0 as usize);
    let candidates = RANGE.cycle().skip(anywhere % length).take(length);
    let held: Vec<_> = candidates.filter_map(|port| Some((port, listen(port).ok()?))).take(N).collect();
    let ports: Vec<_> = held.iter().map(|(port, _)| *port).collect();
    ports.try_into().map_err(|_| io::Error::other("too few free ports"))
}

/// Fails on the first port that something listens on already, with one line that says what to do.
pub(crate) fn check(ports: &[Port]) -> Result<()> {
    for Port { number, purpose, variable } in ports {
        if let Err(error) = listen(*number) {
            let flag = variable.to_lowercase().replace('_', "-");
            let reason = match error.kind() {
                io::ErrorKind::AddrInUse => "something listens there already".to_owned(),
                _ => error.to_string(),
            };
            bail!("port {number}, for {purpose}: {reason}; stop that, or set {variable} or --{flag} to another port");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_named_with_what_changes_it() {
        let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = busy.local_addr().unwrap().port();
        let error = check(&[Port { number, purpose: "the API", variable: "API_PORT" }]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("port {number}, for the API: something listens there already")), "{error}");
        assert!(error.ends_with("set API_PORT or --api-port to another port"), "{error}");
    }

    #[test]
    fn free_ports_differ_and_can_be_bound() {
        let ports: [u16; 8] = free().unwrap();
        let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), ports.len());
        check(&ports.map(|number| Port { number, purpose: "a test", variable: "X" })).unwrap();
    }
}
