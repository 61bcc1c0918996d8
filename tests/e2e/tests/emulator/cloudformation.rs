//! The resources deployed through CloudFormation, and the functions run by the emulator: an order, its notification and its
//! trace.

mod template;

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_sam_template::Resources;
use local_stack::{AwsEndpoint, Config, REGION, Stack, demo, parameters, root};
use tokio::process::Command;
use tokio::time::timeout;

use crate::ministack::MiniStack;

/// Longest time for the deployment, which takes seconds.
const DEPLOY_DEADLINE: Duration = Duration::from_secs(180);

/// MiniStack's account.
const ACCOUNT: &str = "000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn order_is_processed_by_functions_that_cloudformation_deployed() -> Result<()> {
    let _turn = crate::TURN.lock().await;
    let dir = root().join(format!(".local/test-{}-cloudformation", std::process::id()));
    let config = Config::free_ports(&dir)?;
    let ministack = MiniStack::start(config.aws_port, dir.with_extension("ministack")).await?;
    let config = Config { aws_endpoint_url: Some(ministack.endpoint.clone()), ..config };

    let template = template::write(&config, &dir)?;
    let outputs = deploy(&template, &ministack.endpoint, &config).await?;
    let api_url = outputs.get("ApiUrl").context("the stack has no output ApiUrl")?.trim_end_matches('/').to_owned();

    // Creates nothing: the stack finds the deployed tables and queues, and would reject a table that differs.
    let stack = Stack::start(Config { deployed_api_url: Some(api_url), run_functions: false, ..config }).await?;
    demo::run(&stack, false).await?;
    stack.stop().await;
    ministack.stop().await
}

/// Deploys a template; returns the outputs of the CloudFormation stack.
async fn deploy(template: &Path, endpoint: &AwsEndpoint, config: &Config) -> Result<HashMap<String, String>> {
    let mut deploy = Command::new(root().join(".tools/venv/bin/python"));
    deploy.arg(root().join("localstack/deploy.py")).arg(template).arg(format!("--endpoint={endpoint}"));
    deploy.args(["--region", REGION, "--stack-name", "orders"]);
    let resources = Resources { region: REGION.to_owned(), account_id: ACCOUNT.to_owned(), ..Resources::default() };
    for (name, value) in parameters(&resources, config)? {
        deploy.arg("--parameter").arg(format!("{name}={value}"));
    }
    let deployed = timeout(DEPLOY_DEADLINE, deploy.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let output = deployed.context("the deployment takes too long")??;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}
