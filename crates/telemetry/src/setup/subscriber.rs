//! Where spans and log records go: spans to the tracer, log records to the log exporter and to stdout, with the ids of the span
//! in which they were made.
//!
//! The ids come from the OpenTelemetry context, which [`tracing_opentelemetry`] makes current for as long as a span is entered.
//! A span that is not sampled has ids too, and its log records are kept: errors are found whatever the sampler says.

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

/// What is logged where `RUST_LOG` says nothing. A client's warnings about a broker that it goes on to reach are none of ours.
const LOGGED: &str = "info,krafka=error";

/// What is logged: `RUST_LOG`, or the default.
pub(super) fn directives() -> String {
    std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| LOGGED.to_owned())
}

/// All that listens to `tracing`. The directives are about log records only: a function that logs less has its spans still.
/// Without a provider of `logs` they are printed only.
pub(super) fn subscriber<T, W>(
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

/// Spans, but no events: those are log records, and the conventions have given up span events. Krafka's own messaging spans
/// would stand beside ours, and the exporters' would cause others.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && is_info(metadata) && !is_of_exporters(metadata) && !metadata.target().starts_with("krafka")
}

/// What the exporters do must not be exported, or every export would cause another.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && is_info(metadata) && !is_of_exporters(metadata)
}

/// The SDK says at every flush that the collector is away; what is lost thereby we say ourselves, less often. That a queue is
/// full it says once.
fn is_printed(metadata: &Metadata<'_>) -> bool {
    let once = metadata.name().ends_with("DroppingStarted");
    metadata.is_event() && (once || !metadata.target().starts_with("opentelemetry"))
}

fn is_info(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= LevelFilter::INFO
}

fn is_of_exporters(metadata: &Metadata<'_>) -> bool {
    ["opentelemetry", "hyper", "reqwest"].iter().any(|exporter| metadata.target().starts_with(exporter))
}

/// One JSON object a line, with `trace_id` and `span_id` where there is a span.
fn json<S, W>(writer: W) -> json_subscriber::JsonLayer<S, W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    let mut layer = json_subscriber::JsonLayer::new(writer);
    layer.with_timer("timestamp", SystemTime).with_level("level").with_target("target").with_flattened_event();
    layer.add_dynamic_field("trace_id", |_, _| of_current_span(|span| span.trace_id().to_string()));
    layer.add_dynamic_field("span_id", |_, _| of_current_span(|span| span.span_id().to_string()));
    layer
}

fn of_current_span(id: impl FnOnce(&SpanContext) -> String) -> Option<String> {
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

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Left {
        lines: Vec<Value>,
        records: Vec<opentelemetry_sdk::logs::in_memory_exporter::LogDataWithResource>,
        spans: Vec<opentelemetry_sdk::trace::SpanData>,
    }

    /// What `act` leaves.
    fn left_by(sampler: Sampler, act: impl FnOnce()) -> Left {
        left_where(LOGGED, sampler, act)
    }

    fn left_where(directives: &str, sampler: Sampler, act: impl FnOnce()) -> Left {
        let (written, spans, records) =
            (Written::default(), InMemorySpanExporter::default(), InMemoryLogExporter::default());
        let traces = SdkTracerProvider::builder().with_sampler(sampler).with_simple_exporter(spans.clone()).build();
        let logs = SdkLoggerProvider::builder().with_simple_exporter(records.clone()).build();
        let writer = written.clone();
        let subscriber = subscriber(traces.tracer("test"), Some(&logs), directives, move || writer.clone());
        tracing::subscriber::with_default(subscriber, act);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (records, spans) = (records.get_emitted_logs().unwrap(), spans.get_finished_spans().unwrap());
        Left { lines, records, spans }
    }

    fn ids() -> (String, String) {
        let context = Span::current().context();
        let span = context.span().span_context().clone();
        (span.trace_id().to_string(), span.span_id().to_string())
    }

    #[test]
    fn log_records_carry_the_ids_of_their_span_sampled_or_not() {
        for (sampler, sampled) in [(Sampler::AlwaysOn, 1), (Sampler::AlwaysOff, 0)] {
            let mut in_span = Default::default();
            let left = left_by(sampler, || {
                info_span!("work").in_scope(|| {
                    in_span = ids();
                    error!(order_id = "o-1", "it failed");
                });
            });
            let (trace_id, span_id) = in_span;
            let [line] = &left.lines[..] else { panic!("{:?}", left.lines) };
            assert_eq!((&line["trace_id"], &line["span_id"]), (&Value::from(&*trace_id), &Value::from(&*span_id)));
            let [record] = &left.records[..] else { panic!("{:?}", left.records) };
            let context = record.record.trace_context().unwrap();
            assert_eq!((context.trace_id.to_string(), context.span_id.to_string()), (trace_id, span_id));
            assert_eq!(record.record.severity_number(), Some(Severity::Error));
            assert_eq!(left.spans.len(), sampled);
        }
    }

    #[test]
    fn a_line_outside_of_spans_has_no_ids() {
        let left = left_by(Sampler::AlwaysOn, || info!(answer = 42, "started"));
        let mut line = left.lines[0].clone();
        assert!(line.as_object_mut().unwrap().remove("timestamp").is_some());
        let target = module_path!();
        assert_eq!(line, serde_json::json!({"level": "INFO", "target": target, "message": "started", "answer": 42}));
        assert!(left.records[0].record.trace_context().is_none());
    }

    #[test]
    fn a_log_record_is_no_span_event_and_fails_no_span() {
        let left = left_by(Sampler::AlwaysOn, || info_span!("work").in_scope(|| error!("it failed and was handled")));
        let [span] = &left.spans[..] else { panic!("{:?}", left.spans) };
        assert!(span.events.is_empty(), "{:?}", span.events);
        assert_eq!(span.status, opentelemetry::trace::Status::Unset);
    }

    #[test]
    fn what_the_exporters_say_goes_nowhere_but_for_a_full_queue() {
        let left = left_by(Sampler::AlwaysOn, || {
            error!(name: "BatchSpanProcessor.ExportError", target: "opentelemetry_sdk", "refused");
            tracing::warn!(name: "BatchSpanProcessor.SpanDroppingStarted", target: "opentelemetry_sdk", "full");
            info_span!(target: "krafka", "send").in_scope(|| info!("kept"));
        });
        let messages: Vec<_> = left.lines.iter().map(|line| &line["message"]).collect();
        assert_eq!(messages, ["full", "kept"]);
        assert_eq!((left.records.len(), left.spans.len()), (1, 0));
    }

    #[test]
    fn a_function_that_logs_less_has_its_spans_still() {
        let left = left_where("error", Sampler::AlwaysOn, || {
            info_span!("work").in_scope(|| {
                info!("not logged");
                error!("logged");
            });
        });
        assert_eq!((left.lines.len(), left.records.len(), left.spans.len()), (1, 1, 1));
        assert_eq!(left.lines[0]["trace_id"], left.spans[0].span_context.trace_id().to_string());
    }
}
