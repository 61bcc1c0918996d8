//! Streams: starts a reader for every shard of a table's stream.

mod event;
mod shard;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::Shard;
use local_sam_template::{DynamoDbSource, Function, StartingPosition};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, pause};
use crate::dynamodb::shard::ShardReader;
use crate::invoke::Lambda;
use crate::on_failure::OnFailure;

/// The interval at which the list of shards is read again. When a shard ends, it is read at once.
const REFRESH: Duration = Duration::from_secs(10);

/// What the readers of all shards share.
pub(crate) struct Mapping {
    source: DynamoDbSource,
    function: Function,
    client: Client,
    lambda: Lambda,
    on_failure: Option<OnFailure>,
    shutdown: CancellationToken,
}

/// Reads the stream and invokes the function until `shutdown`. Shards are read independently, except that a parent is
/// read before its children.
pub(crate) async fn run(
    source: DynamoDbSource,
    function: Function,
    client: Client,
    lambda: Lambda,
    on_failure: Option<OnFailure>,
    shutdown: CancellationToken,
) {
    let mapping = Arc::new(Mapping { source, function, client, lambda, on_failure, shutdown: shutdown.clone() });
    let mut backoff = Backoff::new();
    let mut readers: JoinSet<String> = JoinSet::new();
    let (mut started, mut ended) = (HashSet::new(), HashSet::new());
    let mut position = mapping.source.starting_position;
    while !shutdown.is_cancelled() {
        match mapping.shards().await {
            Ok(shards) => {
                for id in startable(&shards, &started, &ended) {
                    readers.spawn(ShardReader::new(mapping.clone(), id.clone(), position).run());
                    started.insert(id);
                }
                // Every record of a shard that appears later is new.
                position = StartingPosition::TrimHorizon;
                backoff = Backoff::new();
            }
            Err(error) => {
                let stream = &mapping.source.stream_arn;
                tracing::warn!(stream, error = format!("{error:#}"), "cannot describe the stream, retrying");
                backoff.wait(&shutdown).await;
                continue;
            }
        }
        tokio::select! {
            Some(Ok(id)) = readers.join_next() => { ended.insert(id); }
            () = pause(REFRESH, &shutdown) => {}
        }
    }
    readers.join_all().await;
}

impl Mapping {
    /// Every shard of the stream, from all pages.
    async fn shards(&self) -> Result<Vec<Shard>> {
        let mut shards = Vec::new();
        let mut last = None;
        loop {
            let request =
                self.client.describe_stream().stream_arn(&self.source.stream_arn).set_exclusive_start_shard_id(last);
            let described = request.send().await.map_err(aws_sdk_dynamodbstreams::Error::from)?;
            let description = described.stream_description.context("DescribeStream returned no description")?;
            shards.extend(description.shards.unwrap_or_default());
            last = description.last_evaluated_shard_id;
            if last.is_none() {
                return Ok(shards);
            }
        }
    }
}

/// The shards that can be started: those whose parent was read to its end or no longer exists.
fn startable(shards: &[Shard], started: &HashSet<String>, ended: &HashSet<String>) -> Vec<String> {
    let exists = |id: &str| shards.iter().any(|shard| shard.shard_id() == Some(id));
    shards
        .iter()
        .filter(|shard| shard.parent_shard_id().is_none_or(|parent| ended.contains(parent) || !exists(parent)))
        .filter_map(|shard| shard.shard_id.clone())
        .filter(|id| !started.contains(id))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_shard_is_read_before_its_children() {
        let shard = |id: &str, parent: Option<&str>| {
            Shard::builder().shard_id(id).set_parent_shard_id(parent.map(str::to_owned)).build()
        };
        let shards = [shard("a", Some("gone")), shard("b", Some("a")), shard("c", Some("a")), shard("d", Some("b"))];
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<HashSet<_>>();
        assert_eq!(startable(&shards, &set(&[]), &set(&[])), ["a"]);
        assert_eq!(startable(&shards, &set(&["a"]), &set(&[])), [""; 0]);
        assert_eq!(startable(&shards, &set(&["a"]), &set(&["a"])), ["b", "c"]);
        assert_eq!(startable(&shards, &set(&["a", "b", "c"]), &set(&["a", "b"])), ["d"]);
    }
}
