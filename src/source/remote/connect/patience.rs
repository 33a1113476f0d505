//! Patience: a store that says "later" is asked later, by all who ask it.
//!
//! Both libraries repeat requests with growing pauses, but neither heeds `Retry-After` (RFC 9110, 10.2.3). So each answer
//! comes by here: after a 429 or 503 that has one, nothing is sent to that store before.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use opendal::{Buffer, HttpBody, HttpTransport};
use opendal_http_transport_reqwest::ReqwestTransport;
use tokio::time::{Instant, sleep_until};

/// The longest pause that a store is granted at once.
const LONGEST: Duration = Duration::from_secs(60);

/// When a store wants to be asked again.
#[derive(Debug, Default)]
struct Gate(Mutex<Option<Instant>>);

impl Gate {
    async fn wait(&self) {
        let open_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open_at {
            sleep_until(at).await;
        }
    }

    fn heed(&self, status: StatusCode, headers: &HeaderMap) {
        let Some(pause) = pause(status, headers) else { return };
        let until = Instant::now() + pause;
        let mut open_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *open_at = (*open_at).max(Some(until));
    }
}

fn pause(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let seconds: u64 = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST))
}

/// Makes patient clients for `object_store`.
#[derive(Debug, Default)]
pub(super) struct Connector {
    gate: Arc<Gate>,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Patient { client, gate: self.gate.clone() }))
    }
}

#[derive(Debug)]
struct Patient {
    client: HttpClient,
    gate: Arc<Gate>,
}

impl HttpService for Patient {
    fn call<'this, 'done>(
        &'this self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'done>>
    where
        'this: 'done,
        Self: 'done,
    {
        Box::pin(async move {
            self.gate.wait().await;
            let answer = self.client.execute(request).await?;
            self.gate.heed(answer.status(), answer.headers());
            Ok(answer)
        })
    }
}

/// The same for `opendal`.
pub(super) struct Transport {
    inner: ReqwestTransport,
    gate: Gate,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Transport {
    pub(super) fn new() -> Self {
        Self { inner: ReqwestTransport::default(), gate: Gate::default() }
    }
}

impl HttpTransport for Transport {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        self.gate.wait().await;
        let answer = self.inner.fetch(request).await?;
        self.gate.heed(answer.status(), answer.headers());
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_who_says_later_is_asked_later() {
        let says = |value: &'static str| {
            HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static(value))])
        };
        let busy = StatusCode::TOO_MANY_REQUESTS;
        assert_eq!(pause(busy, &says("7")), Some(Duration::from_secs(7)));
        assert_eq!(pause(StatusCode::SERVICE_UNAVAILABLE, &says("9999")), Some(LONGEST));
        assert_eq!(pause(StatusCode::OK, &says("7")), None);
        assert_eq!(pause(busy, &says("soon")), None);
        assert_eq!(pause(busy, &HeaderMap::new()), None);
    }
}
