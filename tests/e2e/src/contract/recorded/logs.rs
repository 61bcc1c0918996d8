//! The log records of a recording.

use std::path::Path;

use anyhow::Result;
use local_trace_viewer::model::{Attributes, SpanRef};
use local_trace_viewer::recording;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;

use crate::contract::recorded::resource_attributes;

/// A log record.
#[derive(Clone, Debug)]
pub(in crate::contract) struct Log {
    pub(in crate::contract) resource: Attributes,
    /// The span that it was written in.
    pub(in crate::contract) span: SpanRef,
    pub(in crate::contract) severity: String,
    pub(in crate::contract) body: String,
    pub(in crate::contract) attributes: Attributes,
}

pub(super) fn read(dir: &Path) -> Result<Vec<Log>> {
    let requests = recording::read::<ExportLogsServiceRequest>(dir)?.map(ExportLogsServiceRequest::decode);
    Ok(requests.map(|request| Ok(logs(request?))).collect::<Result<Vec<_>>>()?.concat())
}

fn logs(request: ExportLogsServiceRequest) -> Vec<Log> {
    let mut logs = Vec::new();
    for resource_logs in request.resource_logs {
        let resource = resource_attributes(resource_logs.resource);
        for record in resource_logs.scope_logs.into_iter().flat_map(|scope| scope.log_records) {
            let severity = severity(&record);
            let body = match record.body.and_then(|body| body.value) {
                Some(Value::StringValue(text)) => text,
                other => format!("{other:?}"),
            };
            logs.push(Log {
                resource: resource.clone(),
                span: SpanRef { trace_id: hex(&record.trace_id), span_id: hex(&record.span_id) },
                severity,
                body,
                attributes: recording::attributes(record.attributes),
            });
        }
    }
    logs
}

/// The name of the severity number, which is what backends use. A different severity text is added in parentheses.
fn severity(record: &LogRecord) -> String {
    let name = record.severity_number().as_str_name().trim_start_matches("SEVERITY_NUMBER_");
    if record.severity_text == name { name.to_owned() } else { format!("{name} ({:?})", record.severity_text) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
