//! Interceptors that trace and measure the calls of AWS SDK clients.
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
//! One call is one span and one measurement, with all retries of the SDK inside it. A call that succeeds after a retry
//! is not an error.

mod call;
mod dynamodb;
mod sqs;

pub use dynamodb::TraceDynamoDb;
pub use sqs::TraceSqs;
