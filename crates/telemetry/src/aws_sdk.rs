//! What the AWS SDK's calls leave: interceptors for its clients.
//!
//! ```
//! use telemetry::aws_sdk::{TraceDynamoDb, TraceSqs};
//!
//! fn clients(sdk_config: &aws_config::SdkConfig) -> (aws_sdk_dynamodb::Client, aws_sdk_sqs::Client) {
//!     let dynamodb = aws_sdk_dynamodb::config::Builder::from(sdk_config).interceptor(TraceDynamoDb).build();
//!     let sqs = aws_sdk_sqs::config::Builder::from(sdk_config).interceptor(TraceSqs).build();
//!     (aws_sdk_dynamodb::Client::from_conf(dynamodb), aws_sdk_sqs::Client::from_conf(sqs))
//! }
//! ```
//!
//! A call is one span and one measurement, its retries included: those are the SDK's own affair, and what failed and was
//! retried is no error.

mod call;
mod dynamodb;
mod input;
mod sqs;

pub use dynamodb::TraceDynamoDb;
pub use sqs::TraceSqs;
