//! The `tracing` subscriber. It sends spans to the tracer, and log records to the log exporter and to stdout, with the
//! ids of the span in which they were logged.
//!
//! The ids come from the OpenTelemetry context, which [`tracing_opentelemetry`] makes current while a span is entered.
//! A span that is not sampled has ids too, and its log records are kept, so that errors are found whatever the sampler
//! decides.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, Tracer};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

/// The default of `RUST_LOG`. It leaves out the warnings of krafka, which also warns about brokers that it reaches at
/// the next attempt.
const DEFAULT_DIRECTIVES: &str = "info,krafka=error";

/// The filter directives of log records: `RUST_LOG`, or the default.
pub(super) fn directives() -> String {
    std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| DEFAULT_DIRECTIVES.to_owned())
}

/// The subscriber of this process. The directives filter only log records: a function that logs less still has all its
/// spans. Without a provider of `logs`, log records are only printed.
pub(super) fn new<T, W>(
    tracer: T,
    logs: Option<&SdkLoggerProvider>,
    directives: &str,
    writer: W,
) -> impl Subscriber + Send + Sync + 'static
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let to_traces = tracing_opentelemetry::layer().with_tracer(tracer);
    let to_traces =
        to_traces.with_location(false).with_threads(false).with_tracked_inactivity(false).with_target(false);
    let logged = || EnvFilter::builder().parse_lossy(directives);
    let to_logs =
        logs.map(|logs| OpenTelemetryTracingBridge::new(logs).with_filter(logged().and(filter_fn(is_exported))));
    tracing_subscriber::registry()
        .with(to_traces.with_filter(filter_fn(is_traced).with_max_level_hint(LevelFilter::INFO)))
        .with(to_logs)
        .with(json(writer).with_filter(logged().and(filter_fn(is_printed))))
}

/// Spans, but not events: events are log records, and the conventions have deprecated span events. The spans of krafka
/// would duplicate the messaging spans, and each export of the exporters' own spans would cause more of them.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && is_info(metadata) && !is_of_exporters(metadata) && !metadata.target().starts_with("krafka")
}

/// Log records, but not those of the exporters: each export would cause another one.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && is_info(metadata) && !is_of_exporters(metadata)
}

/// Log records, but not those of the SDK, which logs every failed export: the drop log replaces them with at most one
/// line per minute. The exception is the line that a queue is full, which the SDK logs only once.
fn is_printed(metadata: &Metadata<'_>) -> bool {
    let queue_is_full = metadata.name().ends_with("DroppingStarted");
    metadata.is_event() && (queue_is_full || !metadata.target().starts_with("opentelemetry"))
}

fn is_info(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= LevelFilter::INFO
}

fn is_of_exporters(metadata: &Metadata<'_>) -> bool {
    ["opentelemetry", "hyper", "reqwest"].iter().any(|exporter| metadata.target().starts_with(exporter))
}

/// One JSON object per line, with `trace_id` and `span_id` inside a span.
fn json<S, W>(writer: W) -> json_subscriber::JsonLayer<S, W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    let mut layer = json_subscriber::JsonLayer::new(writer);
    layer.with_timer("timestamp", SystemTime).with_level("level").with_target("target").with_flattened_event();
    layer.add_dynamic_field("trace_id", |_, _| from_current_span(|span| span.trace_id().to_string()));
    layer.add_dynamic_field("span_id", |_, _| from_current_span(|span| span.span_id().to_string()));
    layer
}

fn from_current_span(id: impl FnOnce(&SpanContext) -> String) -> Option<String> {
    Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| id(span))
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use opentelemetry::logs::Severity;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::logs::InMemoryLogExporter;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider};
    use serde_json::Value;
    use tracing::{Span, error, info, info_span};
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    use super::*;

    /// Collects printed lines.
    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Recorded {
        lines: Vec<Value>,
        records: Vec<opentelemetry_sdk::logs::in_memory_exporter::LogDataWithResource>,
        spans: Vec<opentelemetry_sdk::trace::SpanData>,
    }

    /// Runs `act`, and returns the lines that it prints and the telemetry that it exports.
    fn record(sampler: Sampler, act: impl FnOnce()) -> Recorded {
        record_with(DEFAULT_DIRECTIVES, sampler, act)
    }

    fn record_with(directives: &str, sampler: Sampler, act: impl FnOnce()) -> Recorded {
        let (output, spans, records) =
            (Output::default(), InMemorySpanExporter::default(), InMemoryLogExporter::default());
        let traces = SdkTracerProvider::builder().with_sampler(sampler).with_simple_exporter(spans.clone()).build();
        let logs = SdkLoggerProvider::builder().with_simple_exporter(records.clone()).build();
        let writer = output.clone();
        let subscriber = new(traces.tracer("test"), Some(&logs), directives, move || writer.clone());
        tracing::subscriber::with_default(subscriber, act);
        let text = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (records, spans) = (records.get_emitted_logs().unwrap(), spans.get_finished_spans().unwrap());
        Recorded { lines, records, spans }
    }

    fn current_ids() -> (String, String) {
        let context = Span::current().context();
        let span = context.span().span_context().clone();
        (span.trace_id().to_string(), span.span_id().to_string())
    }

    #[test]
    fn log_records_have_the_ids_of_their_span_sampled_or_not() {
        for (sampler, sampled) in [(Sampler::AlwaysOn, 1), (Sampler::AlwaysOff, 0)] {
            let mut in_span = Default::default();
            let recorded = record(sampler, || {
                info_span!("work").in_scope(|| {
                    in_span = current_ids();
                    error!(order_id = "o-1", "it failed");
                });
            });
            let (trace_id, span_id) = in_span;
            let [line] = &recorded.lines[..] else { panic!("{:?}", recorded.lines) };
            assert_eq!((&line["trace_id"], &line["span_id"]), (&Value::from(&*trace_id), &Value::from(&*span_id)));
            let [record] = &recorded.records[..] else { panic!("{:?}", recorded.records) };
            let context = record.record.trace_context().unwrap();
            assert_eq!((context.trace_id.to_string(), context.span_id.to_string()), (trace_id, span_id));
            assert_eq!(record.record.severity_number(), Some(Severity::Error));
            assert_eq!(recorded.spans.len(), sampled);
        }
    }

    #[test]
    fn line_outside_of_a_span_has_no_ids() {
        let recorded = record(Sampler::AlwaysOn, || info!(answer = 42, "started"));
        let mut line = recorded.lines[0].clone();
        assert!(line.as_object_mut().unwrap().remove("timestamp").is_some());
        let target = module_path!();
        assert_eq!(line, serde_json::json!({"level": "INFO", "target": target, "message": "started", "answer": 42}));
        assert!(recorded.records[0].record.trace_context().is_none());
    }

    #[test]
    fn error_log_adds_no_span_event_and_does_not_fail_the_span() {
        let recorded =
            record(Sampler::AlwaysOn, || info_span!("work").in_scope(|| error!("it failed and was handled")));
        let [span] = &recorded.spans[..] else { panic!("{:?}", recorded.spans) };
        assert!(span.events.is_empty(), "{:?}", span.events);
        assert_eq!(span.status, opentelemetry::trace::Status::Unset);
    }

    #[test]
    fn exporters_log_records_are_dropped_except_for_a_full_queue() {
        let recorded = record(Sampler::AlwaysOn, || {
            error!(name: "BatchSpanProcessor.ExportError", target: "opentelemetry_sdk", "refused");
            tracing::warn!(name: "BatchSpanProcessor.SpanDroppingStarted", target: "opentelemetry_sdk", "full");
            info_span!(target: "krafka", "send").in_scope(|| info!("kept"));
        });
        let messages: Vec<_> = recorded.lines.iter().map(|line| &line["message"]).collect();
        assert_eq!(messages, ["full", "kept"]);
        assert_eq!((recorded.records.len(), recorded.spans.len()), (1, 0));
    }

    #[test]
    fn log_level_does_not_filter_spans() {
        let recorded = record_with("error", Sampler::AlwaysOn, || {
            info_span!("work").in_scope(|| {
                info!("not logged");
                error!("logged");
            });
        });
        assert_eq!((recorded.lines.len(), recorded.records.len(), recorded.spans.len()), (1, 1, 1));
        assert_eq!(recorded.lines[0]["trace_id"], recorded.spans[0].span_context.trace_id().to_string());
    }
}
