//! One shard of a stream, read from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_dynamodbstreams::Error;
use aws_sdk_dynamodbstreams::types::{Record, ShardIteratorType};
use template::StartingPosition;

use super::{Mapping, event};
use crate::backoff::{Backoff, pause};
use crate::invoke::Invocation;
use crate::retry::Progress;

/// How often an idle shard is looked at.
const IDLE: Duration = Duration::from_millis(200);

/// The most records that GetRecords gives.
const RECORDS_PER_CALL: usize = 1000;

/// Where reading goes on when there is no iterator.
#[derive(Clone)]
enum Position {
    Start(StartingPosition),
    After(String),
}

pub(super) struct ShardReader {
    mapping: Arc<Mapping>,
    shard_id: String,
    position: Position,
    iterator: Option<String>,
}

impl ShardReader {
    pub(super) fn new(mapping: Arc<Mapping>, shard_id: String, start: StartingPosition) -> Self {
        Self { mapping, shard_id, position: Position::Start(start), iterator: None }
    }

    /// Invokes the function with every record, until the shard's end or the shutdown; gives the shard's id.
    pub(super) async fn run(mut self) -> String {
        let shutdown = self.mapping.shutdown.clone();
        let mut backoff = Backoff::new();
        while !shutdown.is_cancelled() {
            let read = tokio::select! {
                read = self.read() => read,
                () = shutdown.cancelled() => break,
            };
            match read {
                Ok((records, next)) => {
                    backoff = Backoff::new();
                    let idle = records.is_empty();
                    self.process(&records).await;
                    match next {
                        None => break,
                        next => self.iterator = next,
                    }
                    if idle {
                        pause(IDLE, &shutdown).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        shard = self.shard_id,
                        error = format!("{error:#}"),
                        "the stream cannot be read, trying again"
                    );
                    self.recover(&error);
                    backoff.wait(&shutdown).await;
                }
            }
        }
        self.shard_id
    }

    /// The next records and the iterator after them, which is `None` at the shard's end.
    async fn read(&mut self) -> Result<(Vec<Record>, Option<String>)> {
        let iterator = match &self.iterator {
            Some(iterator) => iterator,
            None => self.iterator.insert(shard_iterator(&self.mapping, &self.shard_id, &self.position).await?),
        };
        let limit = self.mapping.source.batch_size.min(RECORDS_PER_CALL);
        let request = self.mapping.client.get_records().shard_iterator(iterator).limit(i32::try_from(limit)?);
        let read = request.send().await.map_err(Error::from)?;
        Ok((read.records.unwrap_or_default(), read.next_shard_iterator))
    }

    /// Sees to it that reading can go on after a failure. An iterator is made anew wherever that skips nothing, because an
    /// emulator that was restarted may take an old one and never give anything for it.
    fn recover(&mut self, error: &anyhow::Error) {
        let error = error.downcast_ref();
        if let Some(Error::TrimmedDataAccessException(_)) = error {
            // The stream no longer has what comes next: go on with the oldest that it has.
            self.position = Position::Start(StartingPosition::TrimHorizon);
        }
        let expired = matches!(error, Some(Error::ExpiredIteratorException(_)));
        if expired || !matches!(self.position, Position::Start(StartingPosition::Latest)) {
            self.iterator = None;
        }
    }

    /// Invokes the function until every record was processed or given up, or until the shutdown.
    async fn process(&mut self, mut records: &[Record]) {
        let Mapping { source, function, lambda, on_failure, shutdown, .. } = &*self.mapping;
        let mut progress = Progress::new(&source.retries);
        while !records.is_empty() && !shutdown.is_cancelled() {
            let batch = &records[..records.len().min(progress.limit())];
            let invocation = lambda.invoke(function, &event::event(&source.stream_arn, batch)).await;
            if let Invocation::FunctionError(error) | Invocation::NotInvoked(error) = &invocation {
                tracing::warn!(function = function.name, error, "an invocation from a stream failed");
            }
            let outcome = event::outcome(&invocation, batch, source.retries.report_batch_item_failures);
            let verdict = progress.after(batch.len(), outcome);
            if let (Some(on_failure), 1..) = (on_failure, verdict.given_up) {
                let given_up = &batch[verdict.processed..verdict.finished()];
                tracing::warn!(
                    function = function.name,
                    shard = self.shard_id,
                    given_up = given_up.len(),
                    "records given up"
                );
                let info = event::batch_info(&source.stream_arn, &self.shard_id, given_up);
                if !on_failure.send(verdict.attempts, ("DDBStreamBatchInfo", info)).await {
                    return;
                }
            }
            if let Some(last) = verdict.finished().checked_sub(1).and_then(|last| event::sequence_number(&batch[last]))
            {
                self.position = Position::After(last.to_owned());
            }
            records = &records[verdict.finished()..];
            pause(verdict.wait, shutdown).await;
        }
    }
}

async fn shard_iterator(mapping: &Mapping, shard_id: &str, position: &Position) -> Result<String> {
    let request = mapping.client.get_shard_iterator().stream_arn(&mapping.source.stream_arn).shard_id(shard_id);
    let request = match position {
        Position::Start(StartingPosition::TrimHorizon) => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
        Position::Start(StartingPosition::Latest) => request.shard_iterator_type(ShardIteratorType::Latest),
        Position::After(last) => {
            request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(last)
        }
    };
    let given = request.send().await.map_err(Error::from)?;
    given.shard_iterator.context("GetShardIterator gave no iterator")
}
