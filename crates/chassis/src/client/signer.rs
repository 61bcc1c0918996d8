//! Signs requests to function URLs: [AWS Signature Version 4] for the service `lambda`.
//!
//! [AWS Signature Version 4]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::Request;
use tokio::sync::Mutex;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::client::Transport;

/// Timeout for fetching credentials. On Lambda they are in the environment, and nothing is fetched.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(2);
/// Credentials are replaced this long before they expire, so that a signed request arrives while they are valid.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);
/// Headers that are not signed: a proxy on the path may rewrite the trace context.
const UNSIGNED: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// Signs requests with cached credentials.
#[derive(Debug)]
pub(super) struct Signer {
    region: Region,
    provider: SharedCredentialsProvider,
    cached: Mutex<Option<Credentials>>,
}

impl Signer {
    pub(super) fn new(sdk_config: &SdkConfig) -> anyhow::Result<Self> {
        let region = sdk_config.region().context("AWS_REGION is not set")?.clone();
        let provider = sdk_config.credentials_provider().context("there are no AWS credentials")?;
        Ok(Self { region, provider, cached: Mutex::default() })
    }

    /// A transport that signs each request just before `transport` sends it. A retry is signed again.
    pub(super) fn wrap(self, transport: Transport) -> Transport {
        let signer = Arc::new(self);
        BoxCloneSyncService::new(tower::service_fn(move |request| {
            let (signer, transport) = (Arc::clone(&signer), transport.clone());
            async move {
                let request = signer.signed(request).await.context("a request could not be signed")?;
                transport.oneshot(request).await
            }
        }))
    }

    /// The request with `authorization`, `x-amz-date`, `x-amz-content-sha256` and, for temporary credentials,
    /// `x-amz-security-token`. In the signed text the path is URI-encoded twice, as for every AWS service except S3; in the request
    /// that is sent it is encoded once.
    async fn signed(&self, mut request: Request<Bytes>) -> anyhow::Result<Request<Bytes>> {
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = self.credentials().await?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region.as_ref())
            .name("lambda")
            .time(SystemTime::now())
            .settings(settings)
            .build()?
            .into();
        // A header value that is not text can't be signed. It is sent unsigned, and the service may reject it.
        let headers = request.headers().iter().filter(|(name, _)| !UNSIGNED.contains(&name.as_str()));
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new(request.method().as_str(), request.uri().to_string(), headers, body)?;
        let (signature, _) = sign(signable, &params)?.into_parts();
        signature.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    async fn credentials(&self) -> anyhow::Result<Credentials> {
        let mut cached = self.cached.lock().await;
        let soon = SystemTime::now() + EXPIRY_MARGIN;
        if let Some(credentials) = cached.as_ref().filter(|cached| cached.expiry().is_none_or(|expiry| expiry > soon)) {
            return Ok(credentials.clone());
        }
        let provided = tokio::time::timeout(CREDENTIALS_TIMEOUT, self.provider.provide_credentials());
        let credentials = provided.await.context("no AWS credentials in time")?.context("no AWS credentials")?;
        Ok(cached.insert(credentials).clone())
    }
}
