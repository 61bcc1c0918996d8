//! What the collector received and forwarded, in the form in which the tables describe it.

mod logs;
mod metrics;

use std::path::Path;

use anyhow::Result;
use local_trace_viewer::model::{Attributes, Span};
use local_trace_viewer::recording;
use opentelemetry_proto::tonic::resource::v1::Resource;

pub(super) use logs::Log;
pub(super) use metrics::Point;

/// Everything that has been recorded so far.
pub(super) struct Recorded {
    pub(super) spans: Vec<Span>,
    pub(super) points: Vec<Point>,
    pub(super) logs: Vec<Log>,
}

impl Recorded {
    /// Reads a recording. The stack may still be writing it.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        Ok(Self { spans: recording::spans(dir)?, points: metrics::read(dir)?, logs: logs::read(dir)? })
    }
}

/// The `service.name` of a resource.
pub(super) fn service(resource: &Attributes) -> &str {
    resource.get("service.name").and_then(|name| name.as_str()).unwrap_or("?")
}

fn resource_attributes(proto: Option<Resource>) -> Attributes {
    recording::attributes(proto.unwrap_or_default().attributes)
}
