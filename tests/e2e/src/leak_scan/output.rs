//! The logs and telemetry of the run, as text.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use local_sam_template::Template;
use local_stack::root;
use local_trace_viewer::recording::{self, Signal};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::encoding::{WireType, decode_key, decode_varint};

use crate::fixture::Fixture;

/// The programs besides the functions that must have a log, and MiniStack, if the stack has started it.
const PROGRAMS: [&str; 2] = ["rotel", "local-stack"];

/// Every log and every OTLP request, with its name. It is an error if a log or a signal is missing.
pub(super) fn read(fixture: &Fixture) -> Result<Vec<(String, String)>> {
    let mut output = Vec::new();
    for log in fs::read_dir(fixture.stack().logs())? {
        let path = log?.path();
        let name = path.file_name().context("a log has no file name")?.to_string_lossy().into_owned();
        output.push((name, String::from_utf8_lossy(&fs::read(&path)?).into_owned()));
    }
    let functions = Template::load(root().join("template.yaml"))?.declared_functions()?;
    let programs = functions.iter().map(|function| &*function.name).chain(PROGRAMS);
    let programs = programs.chain(fixture.stack().starts_aws_emulator().then_some("ministack"));
    for program in programs {
        ensure!(output.iter().any(|(name, _)| *name == format!("{program}.log")), "there is no log of {program}");
    }
    output.extend(recorded::<ExportTraceServiceRequest>(fixture, "gateway")?);
    output.extend(recorded::<ExportMetricsServiceRequest>(fixture, "gateway")?);
    // Not of the gateway, which logs nothing while nothing fails.
    output.extend(recorded::<ExportLogsServiceRequest>(fixture, "notification-delivery")?);
    Ok(output)
}

/// The requests of one signal. It is an error if this service has sent none.
fn recorded<T: Signal>(fixture: &Fixture, service: &str) -> Result<Vec<(String, String)>> {
    let requests = recording::read::<T>(&fixture.stack().recording())?.enumerate();
    let requests: Vec<_> =
        requests.map(|(index, request)| (format!("{}[{index}]", T::FILE), texts(&request))).collect();
    ensure!(requests.iter().any(|(_, text)| text.contains(service)), "{} has nothing of {service}", T::FILE);
    Ok(requests)
}

/// Every text of a protobuf message in its order, one per line: an attribute's name comes before its value. It does not
/// depend on the message's type, so texts in fields that this version of the type does not know are found too.
fn texts(message: &[u8]) -> String {
    let mut texts = String::new();
    for field in fields(message).unwrap_or_default() {
        let inner = fields(field).is_some();
        // Some texts can also be parsed as a message.
        if !inner || field.iter().all(|byte| !byte.is_ascii_control()) {
            texts.push_str(&String::from_utf8_lossy(field));
            texts.push('\n');
        }
        if inner {
            texts.push_str(&self::texts(field));
        }
    }
    texts
}

/// The fields of a message that have a length: texts, bytes and messages. `None` if the bytes are not a message.
fn fields(mut message: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let (_, wire_type) = decode_key(&mut message).ok()?;
        let length = match wire_type {
            WireType::Varint => decode_varint(&mut message).ok().map(|_| 0)?,
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => usize::try_from(decode_varint(&mut message).ok()?).ok()?,
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        let (field, rest) = message.split_at_checked(length)?;
        if wire_type == WireType::LengthDelimited {
            fields.push(field);
        }
        message = rest;
    }
    Some(fields)
}
