//! A recording of all received OTLP requests: one file per signal (`traces.bin`, `metrics.bin`, `logs.bin`) in one
//! folder.
//!
//! Each request is stored uncompressed and byte-identical after its length ([protobuf's delimited form]), so it also
//! contains the fields that this program does not know.
//!
//! [protobuf's delimited form]: https://protobuf.dev/programming-guides/techniques/#streaming

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use prost::Message;

use crate::model::{Attributes, Span};
use crate::otlp;

/// An export request of one of the three signals.
pub trait Signal: Message + Default {
    /// The signal's file in the folder of a recording.
    const FILE: &'static str;
}

impl Signal for ExportTraceServiceRequest {
    const FILE: &'static str = "traces.bin";
}

impl Signal for ExportMetricsServiceRequest {
    const FILE: &'static str = "metrics.bin";
}

impl Signal for ExportLogsServiceRequest {
    const FILE: &'static str = "logs.bin";
}

/// A recording in progress: its folder, with a lock that is held while one request is written. Clones write to the same
/// recording.
#[derive(Clone, Debug)]
pub struct Recording(Arc<Mutex<PathBuf>>);

impl Recording {
    /// Starts an empty recording in a folder, and creates the folder if it does not exist.
    ///
    /// # Errors
    /// When the folder or its files cannot be written.
    pub fn create(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir)?;
        for file in [ExportTraceServiceRequest::FILE, ExportMetricsServiceRequest::FILE, ExportLogsServiceRequest::FILE]
        {
            File::create(dir.join(file))?;
        }
        Ok(Self(Arc::new(Mutex::new(dir))))
    }

    /// Appends a request.
    pub(crate) fn append<T: Signal>(&self, request: &Bytes) -> io::Result<()> {
        let mut delimited = Vec::with_capacity(request.len() + 10);
        prost::encode_length_delimiter(request.len(), &mut delimited)?;
        delimited.extend_from_slice(request);
        let dir = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        File::options().append(true).open(dir.join(T::FILE))?.write_all(&delimited)
    }
}

/// The recorded requests of a signal, to be decoded with [`Message::decode`]. The recording may be in progress: a
/// request that is only partly written is left out.
///
/// # Errors
/// When the file cannot be read.
pub fn read<T: Signal>(dir: &Path) -> io::Result<impl Iterator<Item = Bytes> + use<T>> {
    let mut rest = Bytes::from(fs::read(dir.join(T::FILE))?);
    Ok(std::iter::from_fn(move || {
        let mut request = rest.clone();
        let length = prost::decode_length_delimiter(&mut request).ok().filter(|length| *length <= request.len())?;
        rest = request.split_off(length);
        Some(request)
    }))
}

/// The recorded spans with valid ids, in the order of their arrival.
///
/// # Errors
/// When the file cannot be read, or a recorded request is not valid protobuf.
pub fn spans(dir: &Path) -> io::Result<Vec<Span>> {
    let requests = read::<ExportTraceServiceRequest>(dir)?.map(ExportTraceServiceRequest::decode);
    let requests = requests.collect::<Result<Vec<_>, _>>()?;
    Ok(requests.into_iter().flat_map(otlp::spans).flatten().collect())
}

/// Converts the attributes of a metric or a log record to the form of a [`Span`]'s attributes.
pub fn attributes(proto: Vec<KeyValue>) -> Attributes {
    otlp::attributes(proto)
}
