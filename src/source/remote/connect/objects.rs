//! S3, Azure Blob Storage and Google Cloud Storage, by `object_store`.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt,
    RetryConfig,
};

use super::credentials::{aws_profile, azure_connection, variable};
use super::patience::Connector;
use super::{CONNECT, REQUEST, TRIES, told, wait};
use crate::source::EntryKind;
use crate::source::remote::{Address, Item, Known, Scheme, Store};

/// Connects to a bucket or container.
pub(super) fn connect(address: &Address) -> io::Result<Arc<dyn Store>> {
    let bucket = address.host();
    let (store, identity) = match address.scheme() {
        Scheme::Azure => azure(bucket),
        Scheme::Google => google(bucket),
        _ => s3(bucket),
    }
    .map_err(|error| of(&error))?;
    Ok(Arc::new(Objects { store, identity }))
}

type Made = (Arc<dyn ObjectStore>, String);

fn retry() -> RetryConfig {
    RetryConfig { max_retries: TRIES, backoff: BackoffConfig::default(), ..RetryConfig::default() }
}

/// `plain` where the endpoint that was configured has no TLS.
fn client(plain: bool) -> ClientOptions {
    ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT).with_allow_http(plain)
}

fn s3(bucket: &str) -> object_store::Result<Made> {
    let profile = aws_profile();
    let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().find_map(|name| variable(name));
    let endpoint = endpoint.or_else(|| profile.get("endpoint_url").cloned());
    let plain = endpoint.as_deref().is_some_and(|it| it.starts_with("http://"));
    let mut builder = AmazonS3Builder::new();
    // What stands in the environment outranks the profile, and its key goes with its own secret.
    let in_environment = variable("AWS_ACCESS_KEY_ID").is_some();
    for (name, value) in &profile {
        let is_key =
            matches!(name.as_str(), "aws_access_key_id" | "aws_secret_access_key" | "aws_session_token");
        if let Ok(key) = name.parse::<AmazonS3ConfigKey>()
            && (is_key || name == "region")
            && !(is_key && in_environment)
        {
            builder = builder.with_config(key, value);
        }
    }
    for (name, value) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = &endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let store = builder
        .with_bucket_name(bucket)
        .with_retry(retry())
        .with_client_options(client(plain))
        .with_http_connector(Connector::default())
        .build()?;
    Ok((Arc::new(store), format!("s3:{}/{bucket}", endpoint.unwrap_or_default())))
}

fn azure(container: &str) -> object_store::Result<Made> {
    let connection = azure_connection();
    let field = |name: &str| connection.get(name).cloned();
    let mut builder = MicrosoftAzureBuilder::from_env();
    let account = field("accountname")
        .or_else(|| variable("AZURE_STORAGE_ACCOUNT"))
        .or_else(|| variable("AZURE_STORAGE_ACCOUNT_NAME"));
    if let Some(account) = &account {
        builder = builder.with_account(account);
    }
    if let Some(key) = field("accountkey").or_else(|| variable("AZURE_STORAGE_KEY")) {
        builder = builder.with_access_key(key);
    }
    if let Some(signature) = field("sharedaccesssignature") {
        builder = builder.with_config(object_store::azure::AzureConfigKey::SasKey, signature);
    }
    let endpoint = field("blobendpoint").or_else(|| variable("AZURE_STORAGE_ENDPOINT"));
    if let Some(endpoint) = &endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    let plain = endpoint.as_deref().is_some_and(|it| it.starts_with("http://"));
    let store = builder
        .with_container_name(container)
        .with_retry(retry())
        .with_client_options(client(plain))
        .with_http_connector(Connector::default())
        .build()?;
    let at = endpoint.or(account).unwrap_or_default();
    Ok((Arc::new(store), format!("az:{at}/{container}")))
}

fn google(bucket: &str) -> object_store::Result<Made> {
    let store = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retry())
        .with_client_options(client(false))
        .with_http_connector(Connector::default())
        .build()?;
    Ok((Arc::new(store), format!("gs:{bucket}")))
}

/// A bucket or container.
#[derive(Debug)]
struct Objects {
    store: Arc<dyn ObjectStore>,
    identity: String,
}

impl Store for Objects {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Item>> {
        let (store, prefix) = (self.store.clone(), path(folder)?);
        let listed =
            wait(async move { store.list_with_delimiter(Some(&prefix)).await.map_err(|error| of(&error)) })?;
        let mut items = HashMap::new();
        for prefix in listed.common_prefixes {
            if let Some(name) = below(folder, prefix.as_ref()) {
                let known = Known::default();
                items.insert(
                    (name.clone(), false),
                    Item { name, kind: EntryKind::Folder, known, trouble: None },
                );
            }
        }
        // The object that stands for the folder itself, which consoles make, is no file of it.
        for meta in listed.objects {
            if let Some(name) = below(folder, meta.location.as_ref()) {
                let known = known(&meta);
                items
                    .insert((name.clone(), true), Item { name, kind: EntryKind::File, known, trouble: None });
            }
        }
        Ok(items.into_values().collect())
    }

    fn look(&self, key: &str) -> io::Result<Option<Known>> {
        let (store, path) = (self.store.clone(), path(key)?);
        wait(async move {
            match store.head(&path).await {
                Ok(meta) => Ok(Some(known(&meta))),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(of(&error)),
            }
        })
    }

    fn read(&self, key: &str, known: &Known, range: Range<u64>) -> io::Result<Vec<u8>> {
        let (store, path) = (self.store.clone(), path(key)?);
        // A weak tag never matches (RFC 9110, 13.1.1).
        let if_match = known.tag.clone().filter(|tag| !tag.starts_with("W/"));
        let options = GetOptions { range: Some(GetRange::Bounded(range)), if_match, ..GetOptions::default() };
        wait(async move {
            let got = store.get_opts(&path, options).await.map_err(|error| of(&error))?;
            Ok(got.bytes().await.map_err(|error| of(&error))?.to_vec())
        })
    }
}

fn path(key: &str) -> io::Result<Path> {
    Path::parse(key).map_err(|error| io::Error::other(error.to_string()))
}

/// The name of what stands in a folder itself.
fn below(folder: &str, key: &str) -> Option<String> {
    let rest = if folder.is_empty() { key } else { key.strip_prefix(folder)?.strip_prefix('/')? };
    (!rest.is_empty()).then(|| rest.to_owned())
}

fn known(meta: &ObjectMeta) -> Known {
    let modified = meta.last_modified.timestamp_nanos_opt().unwrap_or(0);
    // Azure's listings leave the quotes off, which belong to it (RFC 9110, 8.8.3).
    let quoted = |tag: &String| if tag.ends_with('"') { tag.clone() } else { format!("\"{tag}\"") };
    Known { size: meta.size, modified, tag: meta.e_tag.as_ref().map(quoted) }
}

fn of(error: &Error) -> io::Error {
    let kind = match error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        Error::Precondition { .. } => return io::Error::other("changed while it was read"),
        _ => io::ErrorKind::Other,
    };
    told(kind, error)
}
