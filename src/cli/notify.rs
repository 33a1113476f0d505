//! Who is told of new findings: a command, or a webhook that the user named.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Failure;
use super::sweep::failure;
use crate::finding::Severity;
use crate::sweep::{self, Message, Store};

/// The pause after the first attempt that failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Who is told.
#[derive(Debug, clap::Args)]
pub(super) struct Notify {
    /// Run this program for each new finding at or above --notify-on: JSON on its standard input, and
    /// KEYSIEVE_IDEMPOTENCY_KEY in its environment; it is called again until it exits with 0
    #[arg(long, value_name = "PROGRAM", help_heading = "Telling others")]
    notify: Option<std::path::PathBuf>,
    /// Post each new finding at or above --notify-on to this address as JSON (https, or http on this machine)
    #[arg(
        long,
        value_name = "URL",
        env = "KEYSIEVE_WEBHOOK",
        hide_env_values = true,
        conflicts_with = "notify",
        value_parser = address,
        help_heading = "Telling others"
    )]
    webhook: Option<Address>,
    /// The least severity that is told
    #[arg(long, value_name = "SEVERITY", default_value = "medium", value_parser = super::args::severity, help_heading = "Telling others")]
    notify_on: Severity,
}

/// An address, which may hold a token: `Debug` does not show it.
#[derive(Clone)]
struct Address(String);

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address")
    }
}

fn address(text: &str) -> Result<Address, String> {
    let here =
        ["http://localhost:", "http://localhost/", "http://127.0.0.1:", "http://127.0.0.1/", "http://[::1]"];
    let fits = text.starts_with("https://") || here.iter().any(|start| text.starts_with(start));
    match (fits, cfg!(feature = "webhook")) {
        (_, false) => Err("this keysieve was built without webhooks".to_owned()),
        (false, _) => Err("expected an address with https".to_owned()),
        _ => Ok(Address(text.to_owned())),
    }
}

impl Notify {
    /// What messages are made for: findings at least this bad, if anyone is to be told.
    pub(super) fn least(&self) -> Option<Severity> {
        (self.notify.is_some() || self.webhook.is_some()).then_some(self.notify_on)
    }

    /// Sends what waits.
    pub(super) fn deliver(&self, store: &Store) -> Result<(), Failure> {
        let mut send = |message: &Message| match (&self.notify, &self.webhook) {
            (Some(program), _) => call(program, message),
            (None, Some(address)) => post(address, message),
            (None, None) => Ok(()),
        };
        if self.least().is_none() {
            return Ok(());
        }
        match sweep::deliver(store, super::scan::now(), PAUSE, &mut send).map_err(failure)? {
            None => Ok(()),
            Some((left, trouble)) => Err(Failure::run(anyhow::anyhow!(
                "{left} messages could not be delivered and wait for the next sweep: {trouble}"
            ))),
        }
    }
}

fn call(program: &std::path::Path, message: &Message) -> Result<(), String> {
    let mut child = Command::new(program)
        .env("KEYSIEVE_IDEMPOTENCY_KEY", &message.key)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // Whoever does not read it may still say that all is well.
        let _ = stdin.write_all(message.payload.as_bytes()).and_then(|()| stdin.write_all(b"\n"));
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("the program ended with {status}")) }
}

#[cfg(feature = "webhook")]
fn post(address: &Address, message: &Message) -> Result<(), String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(30)))
        .max_redirects(0)
        .https_only(address.0.starts_with("https://"))
        .build()
        .into();
    let sent = agent
        .post(&address.0)
        .header("Content-Type", "application/json")
        .header("Idempotency-Key", &message.key)
        .send(&message.payload);
    match sent {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(format!("the webhook answered {}", response.status().as_u16())),
        // What an error says may quote the address.
        Err(ureq::Error::StatusCode(code)) => Err(format!("the webhook answered {code}")),
        Err(ureq::Error::Timeout(_)) => Err("the webhook did not answer in time".to_owned()),
        Err(_) => Err("the webhook cannot be reached".to_owned()),
    }
}

#[cfg(not(feature = "webhook"))]
fn post(_address: &Address, _message: &Message) -> Result<(), String> {
    Err("this keysieve was built without webhooks".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "webhook")]
    #[test]
    fn only_addresses_that_are_safe_are_taken() {
        for good in ["https://example.com/hook", "http://127.0.0.1:8080/x", "http://localhost/x"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in
            ["http://example.com/", "http://localhost.example.com/", "ftp://x", "file:///etc/passwd", ""]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", address("https://example.com/T0KEN")).contains("T0KEN"));
    }
}
