//! What came in, as it came in: OTLP's export requests in three files of a folder, `traces.bin`, `metrics.bin` and `logs.bin`.
//!
//! Each request stands there uncompressed behind its length ([protobuf's delimited form]), as the sender made it: fields that
//! this program does not know are there too.
//!
//! [protobuf's delimited form]: https://protobuf.dev/programming-guides/techniques/#streaming

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::Bytes;
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use prost::Message;

use crate::model::{Attributes, Span};
use crate::otlp;

/// An export request of one of the three signals.
pub trait Signal: Message + Default {
    /// The file of the signal in a recording's folder.
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

/// A recording that is being made: its folder, locked for the writing of one request. Clones write the same one.
#[derive(Clone, Debug)]
pub struct Recording(Arc<Mutex<PathBuf>>);

impl Recording {
    /// An empty recording in a folder, which is made where it is not there.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be written.
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

/// The recorded requests of a signal as they came, to be decoded with [`Message::decode`]. The recording may still be made:
/// a request that is not whole yet is left out.
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

/// The recorded spans that have valid ids, in the order in which they came.
///
/// # Errors
/// When the file cannot be read, or a request in it is none.
pub fn spans(dir: &Path) -> io::Result<Vec<Span>> {
    let requests = read::<ExportTraceServiceRequest>(dir)?.map(ExportTraceServiceRequest::decode);
    let requests = requests.collect::<Result<Vec<_>, _>>()?;
    Ok(requests.into_iter().flat_map(otlp::spans).flatten().collect())
}

/// The attributes of a metric or a log record in the form that a [`Span`] has them in.
pub fn attributes(proto: Vec<KeyValue>) -> Attributes {
    otlp::attributes(proto)
}
