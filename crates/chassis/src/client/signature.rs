//! The signature of a request to a function URL: [AWS Signature Version 4] for the service `lambda`.
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

/// Longest wait for credentials. On Lambda they are in the environment, and there is none.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Credentials that end sooner are asked for again: a request must arrive before they end.
const LEFT: Duration = Duration::from_secs(60);
/// What is not signed, because a proxy on the way may rewrite it: the trace's context.
const UNSIGNED: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// Signs requests with credentials that it keeps until they end.
#[derive(Debug)]
pub(super) struct Signer {
    region: Region,
    provider: SharedCredentialsProvider,
    credentials: Mutex<Option<Credentials>>,
}

impl Signer {
    pub(super) fn new(sdk_config: &SdkConfig) -> anyhow::Result<Self> {
        let region = sdk_config.region().context("AWS_REGION is not set")?.clone();
        let provider = sdk_config.credentials_provider().context("there are no AWS credentials")?;
        Ok(Self { region, provider, credentials: Mutex::default() })
    }

    /// The transport behind the signature: each request is signed as it is sent, the second one anew.
    pub(super) fn before(self, transport: Transport) -> Transport {
        let signer = Arc::new(self);
        BoxCloneSyncService::new(tower::service_fn(move |request| {
            let (signer, transport) = (Arc::clone(&signer), transport.clone());
            async move {
                let request = signer.signed(request).await.context("a request could not be signed")?;
                transport.oneshot(request).await
            }
        }))
    }

    /// The request with `authorization`, `x-amz-date`, `x-amz-content-sha256` and, where the credentials are a role's,
    /// `x-amz-security-token`. The path is encoded twice in what is signed, as for every service but S3, and once in what is
    /// sent.
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
        // A header that is no text can't be signed. It is sent all the same, for the service to refuse.
        let headers = request.headers().iter().filter(|(name, _)| !UNSIGNED.contains(&name.as_str()));
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new(request.method().as_str(), request.uri().to_string(), headers, body)?;
        let (signature, _) = sign(signable, &params)?.into_parts();
        signature.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    async fn credentials(&self) -> anyhow::Result<Credentials> {
        let mut kept = self.credentials.lock().await;
        let soon = SystemTime::now() + LEFT;
        if let Some(credentials) = kept.as_ref().filter(|kept| kept.expiry().is_none_or(|end| end > soon)) {
            return Ok(credentials.clone());
        }
        let provided = tokio::time::timeout(TIMEOUT, self.provider.provide_credentials());
        let credentials = provided.await.context("no AWS credentials in time")?.context("no AWS credentials")?;
        Ok(kept.insert(credentials).clone())
    }
}
