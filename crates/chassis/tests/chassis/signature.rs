//! Signed requests as a server receives them. The tests have their own implementation of the server's side of AWS Signature
//! Version 4.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_lc_rs::{digest, hmac};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use bytes::Bytes;
use chassis::client::{Connector, Service};
use http::{Method, StatusCode, header, request};
use serde_json::{Value, json};

use crate::recorded::Recorded;

const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJIMEYCIQD==";
const PATH: &str = "orders/1";
const TEMPLATE: &str = "/orders/{order_id}";

struct Received {
    head: request::Parts,
    body: Bytes,
}

/// A server that answers with these statuses in turn and then with 200, and the requests that it receives.
async fn server(statuses: &[u16]) -> (String, Receiver<Received>) {
    let (sender, received) = mpsc::channel();
    let statuses = Arc::new(Mutex::new(statuses.to_vec()));
    let answer = move |request: Request| {
        let (sender, statuses) = (sender.clone(), Arc::clone(&statuses));
        async move {
            let (head, body) = request.into_parts();
            sender.send(Received { head, body: to_bytes(body, usize::MAX).await.unwrap() }).unwrap();
            let mut statuses = statuses.lock().unwrap();
            let status = if statuses.is_empty() { 200 } else { statuses.remove(0) };
            (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, "/elsewhere")], "{}")
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
    (base, received)
}

fn sdk_config(provider: impl ProvideCredentials + 'static) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .build()
}

fn signed(base: &str, token: Option<&str>) -> Service {
    let credentials = Credentials::new(KEY_ID, SECRET, token.map(str::to_owned), None, "test");
    Connector::signed(&sdk_config(credentials)).unwrap().service("order", base.parse().unwrap())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// URI-encodes every byte except unreserved characters and the slash.
fn encode(path: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    path.bytes().map(encode).collect()
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Verifies the signature, and returns the names of the signed headers.
    fn verified(&self) -> Vec<&str> {
        let authorization = self.header("authorization").unwrap().strip_prefix("AWS4-HMAC-SHA256 ").unwrap();
        let fields: Vec<_> = authorization.split(", ").map(|field| field.split_once('=').unwrap()).collect();
        let [("Credential", credential), ("SignedHeaders", signed), ("Signature", signature)] = fields[..] else {
            panic!("{authorization}")
        };
        let time = self.header("x-amz-date").unwrap();
        let scope = format!("{}/eu-central-1/lambda/aws4_request", &time[..8]);
        assert_eq!(credential, format!("{KEY_ID}/{scope}"));
        let names: Vec<_> = signed.split(';').collect();
        assert!(names.is_sorted());

        let mut query: Vec<_> = self.head.uri.query().unwrap_or_default().split('&').collect();
        query.sort_unstable();
        let headers: String =
            names.iter().map(|name| format!("{name}:{}\n", self.header(name).unwrap().trim())).collect();
        let hash = sha256(&self.body);
        assert_eq!(self.header("x-amz-content-sha256"), Some(&*hash));
        let (method, path) = (self.head.method.as_str(), encode(self.head.uri.path()));
        let canonical = format!("{method}\n{path}\n{}\n{headers}\n{signed}\n{hash}", query.join("&"));

        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let mut key = format!("AWS4{SECRET}").into_bytes();
        for part in scope.split('/').chain([&*to_sign]) {
            let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes());
            key = signed.as_ref().to_vec();
        }
        assert_eq!(signature, hex(&key), "{canonical}");
        names
    }
}

#[tokio::test]
async fn server_can_verify_the_signature() {
    for token in [None, Some(TOKEN)] {
        let (base, received) = server(&[]).await;
        let service = signed(&base, token);
        for path in [
            PATH,
            "orders?user_id=USER-001&limit=10&cursor=eyJ4IjoxfQ%3D%3D&flag=",
            "inventory/a b%25c(d)e:f~g@h+é/i",
            "",
        ] {
            service.send(Method::GET, path, TEMPLATE, None::<&()>).await.unwrap();
            let mut expected = vec!["host", "x-amz-content-sha256", "x-amz-date"];
            expected.extend(token.map(|_| "x-amz-security-token"));
            let received = received.recv().unwrap();
            assert_eq!(received.verified(), expected, "{path}");
            assert_eq!(received.header("x-amz-security-token"), token);
        }
    }
}

#[tokio::test]
async fn body_and_headers_are_signed_except_the_trace_context() {
    let (base, received) = server(&[]).await;
    let key = http::HeaderName::from_static("idempotency-key");
    let service = signed(&base, Some(TOKEN)).with_header(key, r#""8e03 978e""#.parse().unwrap());
    let trace = http::HeaderName::from_static("traceparent");
    let service =
        service.with_header(trace, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap());
    let odd = http::HeaderName::from_static("x-odd");
    let service = service.with_header(odd, header::HeaderValue::from_bytes(b"\xff").unwrap());
    let body = json!({"user_id": "USER-001", "quantity": 2});
    service.post::<Value>("orders", "/orders", &body).await.unwrap();
    let received = received.recv().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&received.body).unwrap(), body);
    let names = received.verified();
    assert!(names.contains(&"content-type") && names.contains(&"idempotency-key"), "{names:?}");
    assert!(!names.contains(&"traceparent") && received.header("traceparent").is_some(), "{names:?}");
    assert!(!names.contains(&"x-odd") && received.head.headers.contains_key("x-odd"), "{names:?}");
}

#[tokio::test]
async fn retry_is_signed_again() {
    let (base, received) = server(&[503]).await;
    let service = signed(&base, None).with_retry();
    service.send(Method::PUT, "inventory/1", "/inventory/{product_id}", Some(&json!({"stock": 1}))).await.unwrap();
    let received: Vec<_> = received.try_iter().collect();
    assert_eq!(received.len(), 2);
    for received in received {
        assert_eq!(received.head.headers.get_all("authorization").iter().count(), 1);
        received.verified();
    }
}

#[tokio::test]
async fn unsigned_request_has_no_aws_headers() {
    let (base, received) = server(&[]).await;
    let service = Connector::unsigned().unwrap().service("order", base.parse().unwrap());
    service.get::<Value>(PATH, TEMPLATE).await.unwrap();
    let received = received.recv().unwrap();
    assert!(!received.head.headers.contains_key("authorization"));
    assert!(!received.head.headers.keys().any(|name| name.as_str().starts_with("x-amz")));
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let (base, received) = server(&[307]).await;
    let answer = signed(&base, None).send(Method::GET, PATH, TEMPLATE, None::<&()>).await.unwrap();
    assert_eq!((answer.status(), received.try_iter().count()), (StatusCode::TEMPORARY_REDIRECT, 1));
}

/// Provides different credentials at each call, which expire after `lifetime`.
#[derive(Debug)]
struct Rotating {
    lifetime: Duration,
    calls: AtomicU32,
}

impl ProvideCredentials for Rotating {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let expiry = SystemTime::now() + self.lifetime;
        Provided::ready(Ok(Credentials::new(format!("KEY{call}"), SECRET, None, Some(expiry), "test")))
    }
}

#[tokio::test]
async fn credentials_are_cached_until_just_before_they_expire() {
    for (lifetime, keys) in [(3600, ["KEY0", "KEY0"]), (30, ["KEY0", "KEY1"])] {
        let (base, received) = server(&[]).await;
        let rotating = Rotating { lifetime: Duration::from_secs(lifetime), calls: AtomicU32::new(0) };
        let service = Connector::signed(&sdk_config(rotating)).unwrap().service("order", base.parse().unwrap());
        for key in keys {
            service.get::<Value>(PATH, TEMPLATE).await.unwrap();
            let received = received.recv().unwrap();
            assert!(received.header("authorization").unwrap().contains(&format!("Credential={key}/")), "{lifetime}");
        }
    }
}

#[tokio::test]
async fn no_part_of_the_signature_is_recorded() {
    let recorded = Recorded::start();
    let (base, received) = server(&[]).await;
    signed(&base, Some(TOKEN)).get::<Value>(PATH, TEMPLATE).await.unwrap();
    let signature = received.recv().unwrap().header("authorization").unwrap().rsplit_once('=').unwrap().1.to_owned();
    assert_eq!(recorded.requests().len(), 1);
    let text = recorded.text();
    for secret in [SECRET, TOKEN] {
        assert!(!text.contains(secret), "{text}");
    }
    // Only our own records count: those of the signing library have a level that is never exported.
    let ours: String = text.lines().filter(|line| line.contains(r#""target":"telemetry::http_client""#)).collect();
    assert!(ours.contains(TEMPLATE) && !ours.contains(KEY_ID) && !ours.contains(&signature), "{ours}");
}

#[test]
fn signing_needs_a_region_and_credentials() {
    let without_region = SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(KEY_ID, SECRET, None, None, "test")))
        .build();
    assert_eq!(Connector::signed(&without_region).unwrap_err().to_string(), "AWS_REGION is not set");
    let without_credentials = SdkConfig::builder().region(Region::new("eu-central-1")).build();
    assert!(Connector::signed(&without_credentials).is_err());
}
