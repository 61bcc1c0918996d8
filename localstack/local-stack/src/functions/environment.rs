//! The environment of a function on this machine.

use std::collections::BTreeMap;

use local_sam_template::Function;

use crate::endpoints::{CREDENTIAL, Endpoints, REGION};

/// The variable with the ARN of the MSK cluster, in the environment of every function that sends to Kafka.
const MSK_CLUSTER_ARN: &str = "MSK_CLUSTER_ARN";

/// Whether a function sends to Kafka. Such functions connect to the broker when they start, so they are started after
/// it.
pub(crate) fn needs_kafka(function: &Function) -> bool {
    function.environment.contains_key(MSK_CLUSTER_ARN)
}

/// The variables that the template sets, with the values of this machine, and those that reach the emulators and the
/// collector. What Lambda itself sets, such as the function's name, is not included.
pub(crate) fn local(function: &Function, endpoints: &Endpoints) -> BTreeMap<String, String> {
    let mut environment = function.environment.clone();
    adapt(&mut environment, endpoints);
    environment
}

/// Changes the variables that the template sets to those of this machine. Their values may still be intrinsic functions.
pub fn adapt<V: From<String>>(environment: &mut BTreeMap<String, V>, endpoints: &Endpoints) {
    // There is no MSK here that could be asked for the cluster's brokers.
    if environment.remove(MSK_CLUSTER_ARN).is_some() {
        environment.insert("KAFKA_BOOTSTRAP_SERVERS".into(), endpoints.kafka_bootstrap_servers.clone().into());
    }
    // There is no IAM here: calls between functions are not signed, and callers are not checked.
    environment.remove("ALLOWED_CALLERS");
    environment.remove("SERVICE_AUTH");
    let local = [
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", CREDENTIAL),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL),
        ("AWS_ENDPOINT_URL", &endpoints.aws_endpoint),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoints.otlp_endpoint),
        ("OTEL_TRACES_SAMPLER", "always_on"),
    ];
    environment.extend(local.map(|(name, value)| (name.to_owned(), value.to_owned().into())));
}
