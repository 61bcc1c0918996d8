//! template.yaml with what an emulator needs to run the functions, and nothing else changed.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use local_stack::{Config, Endpoints, adapt_environment, binaries, root};
use serde_json::{Map, Value, json};

/// Writes `template.json`, and a folder with the code of each function.
pub(super) fn write(config: &Config, dir: &Path) -> Result<PathBuf> {
    let endpoints = config.endpoints();
    let mut template = local_sam_template::read_yaml(&root().join("template.yaml"))?;
    let globals = template["Globals"]["Function"].as_object_mut().context("Globals.Function")?;
    // The collector is a process here. Emulators have no layers of other accounts.
    globals.remove("Layers");
    globals.insert("Architectures".to_owned(), json!([if ARCH == "aarch64" { "arm64" } else { ARCH }]));
    let resources = template["Resources"].as_object_mut().context("Resources")?;
    resources.retain(|_, resource| resource["Type"] != "AWS::Serverless::LayerVersion");
    let mut public_urls = Vec::new();
    for (id, resource) in resources.iter_mut() {
        let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str().map(str::to_owned);
        let is_table = resource["Type"] == "AWS::DynamoDB::Table";
        let properties = resource["Properties"].as_object_mut().context("Properties")?;
        if let Some(binary) = binary {
            let code = dir.join("code").join(&binary);
            strip(&binaries()?.join(&binary), &code)?;
            if configure(properties, &binary, &code, &endpoints)? {
                public_urls.push(function_url(id, &endpoints));
            }
        } else if is_table {
            // CloudFormation would add random characters to the name. The local stack looks for its own name.
            properties.insert("TableName".to_owned(), id.as_str().into());
        }
    }
    let [api_url] = &public_urls[..] else { anyhow::bail!("expected one function with a route: {public_urls:?}") };
    template["Outputs"] = json!({ "ApiUrl": { "Value": api_url } });
    let path = dir.join("template.json");
    fs::write(&path, template.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Changes a function's properties; returns whether it has a route of the API.
fn configure(properties: &mut Map<String, Value>, binary: &str, code: &Path, endpoints: &Endpoints) -> Result<bool> {
    properties.insert("FunctionName".to_owned(), binary.into());
    properties.insert("CodeUri".to_owned(), json!(code));
    let has_route = properties
        .get("Events")
        .and_then(Value::as_object)
        .is_some_and(|events| events.values().any(|event| event["Type"] == "HttpApi"));
    // MiniStack answers 404 at the address of an HTTP API, so the API is a function URL too. Its function URLs do not say who
    // signed a request, so the functions cannot check their callers.
    if has_route || properties.contains_key("FunctionUrlConfig") {
        properties.insert("FunctionUrlConfig".to_owned(), json!({ "AuthType": "NONE" }));
    }
    let variables = &mut properties.get_mut("Environment").context("Environment")?["Variables"];
    let mut environment: BTreeMap<String, Value> = serde_json::from_value(variables.take())?;
    adapt_environment(&mut environment, endpoints);
    for value in environment.values_mut() {
        let attribute = value["Fn::GetAtt"].as_array().map(Vec::as_slice);
        if let Some([Value::String(resource), Value::String(attribute)]) = attribute
            && let ("FunctionUrl", Some(function)) = (attribute.as_str(), resource.strip_suffix("Url"))
        {
            *value = function_url(function, endpoints);
        }
    }
    *variables = json!(environment);
    Ok(has_route)
}

/// The address of a function's URL at the emulator. Its name in the URL itself, `<id>.lambda-url.<region>.on.aws`, is one of
/// AWS's.
fn function_url(logical_id: &str, endpoints: &Endpoints) -> Value {
    let url = json!({ "Fn::GetAtt": [format!("{logical_id}Url"), "FunctionUrl"] });
    let host = json!({ "Fn::Select": [1, { "Fn::Split": ["//", url] }] });
    let id = json!({ "Fn::Select": [0, { "Fn::Split": [".", host] }] });
    json!({ "Fn::Sub": [format!("{}/_aws/lambda-url/${{Id}}/", endpoints.aws_endpoint), { "Id": id }] })
}

/// Writes a function's binary without its debug information, which is most of it.
fn strip(binary: &Path, code: &Path) -> Result<()> {
    fs::create_dir_all(code).with_context(|| format!("cannot create {}", code.display()))?;
    let mut strip = Command::new("strip");
    let status = strip.arg("-o").arg(code.join("bootstrap")).arg(binary).status().context("cannot run strip")?;
    ensure!(status.success(), "strip failed for {}: run `make build`", binary.display());
    Ok(())
}
