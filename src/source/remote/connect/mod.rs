//! Connections: an address → the store behind it, by `object_store` or `opendal`.
//!
//! All their work is done on a runtime of two threads, which is started with the first store. Whoever wants something
//! hands it over and waits ([`wait`]); so the threads that read what strangers wrote never reach the network themselves.

mod credentials;
mod drives;
mod objects;
mod patience;

use std::error::Error as StdError;
use std::io;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::{Address, Scheme, Store};

/// The time that one request may take, and the one to connect.
const REQUEST: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);

/// How often a request is repeated that the store may answer next time.
const TRIES: usize = 6;

static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    // TLS by ring, as the webhook has it; an error says that somebody chose before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Builder::new_multi_thread().worker_threads(2).thread_name("store").enable_all().build()
});

/// Connects to a store. Nothing is asked of it yet.
pub(super) fn connect(address: &Address) -> io::Result<Arc<dyn Store>> {
    // Its threads must be there before anyone gives up the network for himself and what he starts.
    runtime()?;
    match address.scheme() {
        Scheme::S3 | Scheme::Azure | Scheme::Google => objects::connect(address),
        _ => drives::connect(address),
    }
}

fn runtime() -> io::Result<&'static Runtime> {
    RUNTIME.as_ref().map_err(|error| io::Error::new(error.kind(), "cannot start the threads of stores"))
}

/// Has something done on the runtime, and waits for it.
fn wait<T: Send + 'static>(work: impl Future<Output = io::Result<T>> + Send + 'static) -> io::Result<T> {
    let (tell, told) = sync_channel(1);
    runtime()?.spawn(async move {
        let _ = tell.send(work.await);
    });
    told.recv().unwrap_or_else(|_| Err(io::Error::other("the request failed")))
}

/// An error of a store in words. Queries of addresses and bodies of answers are left out: signatures may stand in them.
fn told(kind: io::ErrorKind, error: &(dyn StdError + 'static)) -> io::Error {
    let mut text = harmless(&error.to_string());
    let mut cause = error.source();
    while let Some(inner) = cause {
        let told = harmless(&inner.to_string());
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = inner.source();
    }
    let short: String = text.chars().take(400).collect();
    io::Error::new(kind, short)
}

fn harmless(text: &str) -> String {
    let before_body = text.split('<').next().unwrap_or_default();
    let mut out = String::with_capacity(before_body.len());
    let mut in_query = false;
    for character in before_body.chars() {
        let ends = character.is_whitespace() || matches!(character, '"' | '\'' | ')' | '}' | ',');
        in_query = (in_query || character == '?') && !ends;
        if !in_query {
            out.push(character);
        }
    }
    out.trim_end_matches([':', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_left_out_of_errors() {
        let text =
            "GET https://host/c/a?sv=1&sig=VALUE-1 (retries: 3): 403 Forbidden: <Error>VALUE-2</Error>";
        assert_eq!(harmless(text), "GET https://host/c/a (retries: 3): 403 Forbidden");
    }

    #[test]
    fn others_do_the_work() {
        let here = std::thread::current().id();
        let there = wait(async { Ok(std::thread::current().id()) }).unwrap();
        assert_ne!(here, there);
        assert!(wait::<()>(async { Err(io::ErrorKind::NotFound.into()) }).is_err());
    }
}
