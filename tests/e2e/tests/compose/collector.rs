//! The collector's configuration.

use serde_json::Value;

use crate::{services, strings, text, version, yaml};

#[test]
fn collector_that_is_built_has_the_version_of_the_image() {
    let builder = text("collector/builder.yaml");
    let version = format!(" v{}", version(&services()["collector"]));
    let modules: Vec<_> = builder.lines().filter(|line| line.contains("gomod:")).collect();
    assert!(!modules.is_empty());
    for module in modules {
        assert!(module.ends_with(&version), "{module}");
    }
    assert_eq!(yaml("collector/builder.yaml")["dist"]["version"], version.trim_start_matches(" v"));
}

#[test]
fn collector_that_is_built_has_every_component_of_both_configurations() {
    let builder = yaml("collector/builder.yaml");
    for file in ["collector/collector.yaml", "../crates/telemetry/collector/collector.yaml"] {
        for kind in ["receiver", "processor", "exporter"] {
            let kinds = format!("{kind}s");
            let modules = builder[&kinds].to_string();
            // `decouple` exists only in the Lambda layer, whose modules cannot be downloaded.
            for name in yaml(file)[&kinds].as_object().unwrap().keys().filter(|name| *name != "decouple") {
                let component = name.split('/').next().unwrap().replace('_', "");
                assert!(modules.contains(&format!("/{component}{kind} ")), "{file}: builder.yaml has no {name}");
            }
        }
    }
}

#[test]
fn collector_listens_on_its_published_port_and_exports_to_jaeger() {
    let (services, collector) = (services(), yaml("collector/collector.yaml"));
    let listens = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].as_str().unwrap();
    let (address, port) = listens.split_once(':').unwrap();
    // Docker connects to the container's own address, so the receiver must not listen on its loopback interface only.
    assert_eq!(address, "0.0.0.0");
    assert!(strings(&services["collector"]["ports"])[0].ends_with(&format!("}}:{port}")));

    let endpoint = collector["exporters"]["otlp_http/jaeger"]["endpoint"].as_str().unwrap();
    let host = endpoint.strip_prefix("http://").unwrap().split(':').next().unwrap();
    assert!(services[host]["image"].as_str().unwrap().starts_with("jaegertracing/jaeger:"), "{host}");
}

#[test]
fn every_signal_is_received_limited_and_batched() {
    let collector = yaml("collector/collector.yaml");
    let pipelines = collector["service"]["pipelines"].as_object().unwrap();
    assert_eq!(pipelines.keys().collect::<Vec<_>>(), ["logs", "metrics", "traces"]);
    for (signal, pipeline) in pipelines {
        assert_eq!(strings(&pipeline["processors"]), ["memory_limiter", "batch"], "{signal}");
        let exporter = if signal == "traces" { "otlp_http/jaeger" } else { "debug" };
        assert_eq!(strings(&pipeline["exporters"]), [exporter], "{signal}");
        for kind in ["receivers", "processors", "exporters"] {
            for name in strings(&pipeline[kind]) {
                assert_ne!(collector[kind].get(name), None::<&Value>, "{signal}: {name}");
            }
        }
    }
    let mount = strings(&services()["collector"]["volumes"])[0].to_owned();
    let inside = mount.split(':').nth(1).unwrap();
    assert_eq!(strings(&services()["collector"]["command"]), [format!("--config={inside}")]);
}
