//! The template that sam reads. It has the functions of template.yaml with what `sam local` needs and nothing else: the
//! environment is resolved, because sam knows neither the emulators nor the functions' roles, there are no layers, because the
//! collector's can only be fetched with an AWS account, and the architecture is this machine's.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use local_sam_template::{EventSource, Function};
use serde_json::{Map, Value, json};

/// Where a container has the function's code.
const TASK: &str = "/var/task";

/// Writes `template.json` and, for each function, a folder with its code.
pub(super) fn write(
    functions: &[(Function, BTreeMap<String, String>)],
    binaries: &Path,
    dir: &Path,
) -> Result<PathBuf> {
    let mut resources = Map::new();
    for (function, environment) in functions {
        let code = dir.join("code").join(&function.name);
        fs::create_dir_all(&code).with_context(|| format!("cannot create {}", code.display()))?;
        let binary = binaries.join(&function.name);
        link(&binary, &code.join("bootstrap"))
            .with_context(|| format!("{} cannot be used: run `make build`", binary.display()))?;
        let mut environment = environment.clone();
        environment.values_mut().try_for_each(|value| include_file(value, &code))?;
        resources.insert(function.logical_id.clone(), resource(function, &environment, &code));
    }
    let template = json!({ "Transform": "AWS::Serverless-2016-10-31", "Resources": resources });
    let path = dir.join("template.json");
    fs::write(&path, format!("{template:#}")).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn resource(function: &Function, environment: &BTreeMap<String, String>, code: &Path) -> Value {
    let routes = function.event_sources.iter().filter_map(route).enumerate();
    let events: Map<_, _> = routes.map(|(index, route)| (format!("Route{index}"), route)).collect();
    json!({
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "FunctionName": function.name,
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "CodeUri": code,
            "Architectures": [if ARCH == "aarch64" { "arm64" } else { ARCH }],
            "MemorySize": function.memory_mb,
            "Timeout": function.timeout.as_secs(),
            "Environment": { "Variables": environment },
            "Events": events,
        },
    })
}

/// A route, as an event of the template. Streams, queues and schedules invoke the functions outside the containers.
fn route(source: &EventSource) -> Option<Value> {
    match source {
        EventSource::HttpApi { path, .. } if path == "$default" => Some(json!({ "Type": "HttpApi" })),
        EventSource::HttpApi { path, method } => {
            Some(json!({ "Type": "HttpApi", "Properties": { "Path": path, "Method": method } }))
        }
        _ => None,
    }
}

/// If a variable names a file of this machine, the file becomes part of the function's code.
fn include_file(value: &mut String, code: &Path) -> Result<()> {
    let Some(file) = value.strip_prefix("file://").map(Path::new) else { return Ok(()) };
    let name = file.file_name().with_context(|| format!("{value} names no file"))?.to_owned();
    link(file, &code.join(&name)).with_context(|| format!("cannot use {}", file.display()))?;
    *value = format!("file://{TASK}/{}", name.display());
    Ok(())
}

/// A hard link where the file systems allow it, because the programs are large, or else a copy.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    if to.exists() {
        fs::remove_file(to)?;
    }
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;

    fn function(name: &str, event_sources: Vec<EventSource>) -> Function {
        Function {
            logical_id: format!("{name}Function"),
            name: name.to_owned(),
            arn: String::new(),
            timeout: Duration::from_secs(30),
            memory_mb: 512,
            environment: BTreeMap::new(),
            event_sources,
        }
    }

    /// Writes the template of one function, whose binary is the text "code".
    fn written(function: Function, environment: &[(&str, &str)]) -> (TempDir, Value) {
        let dir = TempDir::new().unwrap();
        let binaries = dir.path().join("debug");
        fs::create_dir(&binaries).unwrap();
        fs::write(binaries.join(&function.name), "code").unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let template = write(&[(function, environment)], &binaries, dir.path()).unwrap();
        let template = serde_json::from_slice(&fs::read(template).unwrap()).unwrap();
        (dir, template)
    }

    #[test]
    fn function_has_its_code_its_environment_and_no_layers() {
        let (dir, template) = written(function("order", vec![]), &[("ORDERS_TABLE", "orders")]);
        let properties = &template["Resources"]["orderFunction"]["Properties"];
        assert_eq!(properties["Environment"]["Variables"], json!({ "ORDERS_TABLE": "orders" }));
        assert_eq!((&properties["Timeout"], &properties["MemorySize"]), (&json!(30), &json!(512)));
        assert_eq!((&properties["Layers"], &properties["Events"]), (&Value::Null, &json!({})));
        let code = dir.path().join("code/order");
        assert_eq!(properties["CodeUri"], json!(code));
        assert_eq!(fs::read_to_string(code.join("bootstrap")).unwrap(), "code");
    }

    #[test]
    fn routes_are_events() {
        let route = |method: &str, path: &str| EventSource::HttpApi { method: method.into(), path: path.into() };
        let (_dir, template) = written(function("gateway", vec![route("ANY", "$default"), route("GET", "/a")]), &[]);
        let events = &template["Resources"]["gatewayFunction"]["Properties"]["Events"];
        assert_eq!(events["Route0"], json!({ "Type": "HttpApi" }));
        assert_eq!(events["Route1"]["Properties"], json!({ "Method": "GET", "Path": "/a" }));
    }

    #[test]
    fn file_that_a_variable_names_becomes_part_of_the_code() {
        let keys = tempfile::NamedTempFile::new().unwrap();
        fs::write(&keys, "keys").unwrap();
        let url = format!("file://{}", keys.path().display());
        let (dir, template) = written(function("gateway", vec![]), &[("JWKS_URL", &url)]);
        let name = keys.path().file_name().unwrap().to_str().unwrap();
        let variables = &template["Resources"]["gatewayFunction"]["Properties"]["Environment"]["Variables"];
        assert_eq!(variables["JWKS_URL"], format!("file:///var/task/{name}"));
        assert_eq!(fs::read_to_string(dir.path().join("code/gateway").join(name)).unwrap(), "keys");
    }

    #[test]
    fn binary_that_was_built_again_replaces_the_old_one() {
        let (dir, _) = written(function("order", vec![]), &[]);
        let binary = dir.path().join("debug/order");
        fs::remove_file(&binary).unwrap();
        fs::write(&binary, "new code").unwrap();
        write(&[(function("order", vec![]), BTreeMap::new())], &dir.path().join("debug"), dir.path()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("code/order/bootstrap")).unwrap(), "new code");
    }
}
