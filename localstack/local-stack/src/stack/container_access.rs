//! What a stack does for functions that run in containers: it listens at the address where they reach this machine, and
//! knows the environment that they need.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use local_sam_template::Function;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::functions::environment;
use crate::{Endpoints, Stack};

impl Stack {
    /// Every function, with its complete environment for a container.
    ///
    /// # Errors
    /// When the stack has no container gateway.
    pub(crate) fn functions_in_containers(&self) -> Result<Vec<(Function, BTreeMap<String, String>)>> {
        let config = &self.launcher.config;
        let gateway = config.container_gateway.context("the stack has no container gateway")?;
        let endpoints = Endpoints::new(config, gateway);
        let functions = self.resolve_functions(&crate::template()?, &self.resources, &endpoints)?;
        let with_environment = functions.into_iter().map(|function| {
            let environment = environment::local(&function, &endpoints);
            (function, environment)
        });
        Ok(with_environment.collect())
    }

    /// Forwards the ports that functions connect to from the container gateway, if there is one, to the loopback interface.
    pub(super) fn listen_for_containers(&self) -> Result<()> {
        let config = &self.launcher.config;
        let Some(gateway) = config.container_gateway else { return Ok(()) };
        // The configured ports are those of the parts that this stack starts. No function connects to the trace viewer.
        let ports = config.ports().into_iter().map(|port| port.number).filter(|port| *port != config.viewer_port);
        for port in ports {
            let target = if port == config.kafka_port { self.internal_ports.kafka_containers } else { port };
            self.forward(gateway, port, target)
                .with_context(|| format!("cannot listen on {gateway}:{port} for containers"))?;
        }
        Ok(())
    }

    /// Forwards connections until the emulators stop.
    fn forward(&self, gateway: Ipv4Addr, port: u16, target: u16) -> Result<()> {
        let listener = std::net::TcpListener::bind((gateway, port))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let emulators = &self.launcher.emulators;
        emulators.spawn_until_stopped(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                // Not in the task group: the connection ends when its target does.
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await {
                        // An error is a connection that one side has reset.
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Ok(())
    }
}
