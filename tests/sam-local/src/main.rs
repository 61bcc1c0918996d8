//! `make sam-local-test`: runs every function in a container with `sam local`, and places an order through it. Without a Docker
//! Engine, it says that the tests are skipped.

mod api;
mod invoke;
mod report;

use std::fs::File;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use local_stack::sam::{self, Docker, Sam};
use local_stack::{Config, Stack, cli, root};

use crate::report::Report;

#[tokio::main]
async fn main() -> ExitCode {
    cli::exit_code(test().await)
}

async fn test() -> Result<ExitCode> {
    let functions = local_stack::template()?.declared_functions()?;
    let names: Vec<_> = functions.iter().map(|function| function.name.as_str()).collect();
    let mut report = Report::new(names.len() + 3);
    if let Err(error) = Docker::engine().await {
        return Ok(report.skipped(&error));
    }
    let docker = Docker::find().await?;
    let dir = root().join(".local/sam-local-test");
    let config = Config { record: false, ..Config::free_ports(dir)? };
    println!("starting the local stack");
    let exit =
        cli::with_stack(sam::config(config, &docker), async |stack| run(stack, &docker, &names, &mut report).await)
            .await?;
    if exit != ExitCode::SUCCESS {
        return Ok(exit);
    }
    report.add("no_container_is_left", no_container_is_left(&docker).await);
    Ok(report.finish())
}

async fn run(stack: &Stack, docker: &Docker, functions: &[&str], report: &mut Report) -> Result<()> {
    let sam = Sam::new(stack, docker).await?;
    let log = stack.logs().join("invoke.log");
    let log = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    for function in functions {
        let invoked = invoke::through_sam(&sam, function, log.try_clone()?).await;
        report.add(&format!("{function}_accepts_its_sample_event"), invoked);
    }
    report.add("order_through_start_api_is_one_complete_trace", api::order(stack, &sam).await);
    report.add("start_lambda_serves_the_invoke_api", invoke::through_start_lambda(&sam).await);
    Ok(())
}

async fn no_container_is_left(docker: &Docker) -> Result<()> {
    let containers = docker.containers().await?;
    ensure!(containers.is_empty(), "these containers are left: {containers}");
    Ok(())
}
