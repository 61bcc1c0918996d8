//! What a run emitted, as text.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use local_trace_viewer::recording::{self, Signal};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::encoding::{WireType, decode_key, decode_varint};

use crate::world::World;

/// Every log and every OTLP request, with its name. None of the functions and of the signals may be missing.
pub(super) fn all(world: &World) -> Result<Vec<(String, String)>> {
    let mut emitted = Vec::new();
    for log in fs::read_dir(world.stack().logs())? {
        let path = log?.path();
        let name = path.file_name().context("a log without a name")?.to_string_lossy().into_owned();
        emitted.push((name, String::from_utf8_lossy(&fs::read(&path)?).into_owned()));
    }
    for part in ["gateway", "order", "notification-delivery", "ministack", "rotel", "local-stack"] {
        ensure!(emitted.iter().any(|(name, _)| *name == format!("{part}.log")), "there is no log of {part}");
    }
    emitted.extend(recorded::<ExportTraceServiceRequest>(world, "gateway")?);
    emitted.extend(recorded::<ExportMetricsServiceRequest>(world, "gateway")?);
    // Where nothing fails the gateway has nothing to say.
    emitted.extend(recorded::<ExportLogsServiceRequest>(world, "notification-delivery")?);
    Ok(emitted)
}

/// The requests of one signal, which a service must have sent.
fn recorded<T: Signal>(world: &World, service: &str) -> Result<Vec<(String, String)>> {
    let requests = recording::read::<T>(&world.stack().recording())?.enumerate();
    let requests: Vec<_> =
        requests.map(|(index, request)| (format!("{}[{index}]", T::FILE), texts(&request))).collect();
    ensure!(requests.iter().any(|(_, text)| text.contains(service)), "{service} is not in {}", T::FILE);
    Ok(requests)
}

/// Every text of a protobuf message, a line each, in the order in which they stand there: an attribute's name before its value.
/// The message's type does not matter, so that a field which this version of it does not know is no place to hide.
fn texts(message: &[u8]) -> String {
    let mut texts = String::new();
    for field in fields(message).unwrap_or_default() {
        let inner = fields(field).is_some();
        // What reads as a message can be a text all the same.
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

/// The message's fields that have a length: texts, bytes and messages. None where it is no message.
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
