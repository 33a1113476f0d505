//! WebDAV, SFTP, OneDrive and Google Drive, by `opendal`.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::TryStreamExt;
use opendal::layers::{RetryLayer, TimeoutLayer};
use opendal::services::{Gdrive, Onedrive, Webdav};
use opendal::{EntryMode, Error, ErrorKind, HttpTransporter, Metadata, OperationContext, Operator};

use super::credentials::{netrc, variable};
use super::patience::Transport;
use super::{REQUEST, TRIES, told, wait};
use crate::source::EntryKind;
use crate::source::remote::{Address, Item, Known, Scheme, Store};

/// Connects to a share or drive.
pub(super) fn connect(address: &Address) -> io::Result<Arc<dyn Store>> {
    let operator = match address.scheme() {
        Scheme::OneDrive => onedrive(),
        Scheme::GoogleDrive => google_drive(),
        Scheme::Sftp => sftp(address.host()),
        Scheme::WebDavPlain => webdav("http", address.host()),
        _ => webdav("https", address.host()),
    }?;
    let transport = HttpTransporter::new(Transport::new());
    let operator = operator
        .with_context(OperationContext::new().with_http_transport(transport))
        .layer(TimeoutLayer::new().with_timeout(REQUEST).with_io_timeout(REQUEST))
        .layer(RetryLayer::new().with_jitter().with_max_times(TRIES));
    let identity = format!("{:?}:{}", address.scheme(), address.host());
    Ok(Arc::new(Drive { operator, identity }))
}

fn webdav(protocol: &str, host: &str) -> io::Result<Operator> {
    let mut builder = Webdav::default().endpoint(&format!("{protocol}://{host}"));
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if let Some(token) = variable("KEYSIEVE_WEBDAV_TOKEN") {
        builder = builder.token(&token);
    } else {
        let own = variable("KEYSIEVE_WEBDAV_USER").zip(variable("KEYSIEVE_WEBDAV_PASSWORD"));
        if let Some((user, password)) = own.or_else(|| netrc(name)) {
            builder = builder.username(&user).password(&password);
        }
    }
    Operator::new(builder).map_err(|error| of(&error))
}

/// By the user's own `ssh`, with his configuration, agent and known hosts.
#[cfg(unix)]
fn sftp(host: &str) -> io::Result<Operator> {
    let (user, host) = host.rsplit_once('@').map_or((None, host), |(user, host)| (Some(user), host));
    let mut builder = opendal::services::Sftp::default().endpoint(&format!("ssh://{host}")).root("/");
    if let Some(user) = user {
        builder = builder.user(user);
    }
    if let Some(key) = variable("KEYSIEVE_SFTP_KEY_FILE") {
        builder = builder.key(&key);
    }
    Operator::new(builder).map_err(|error| of(&error))
}

#[cfg(not(unix))]
fn sftp(_: &str) -> io::Result<Operator> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "SFTP is read on Unix alone, by its ssh"))
}

/// What stands in the environment under `KEYSIEVE_<DRIVE>_…`: a token, or what makes one.
struct Grant {
    access: Option<String>,
    refresh: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

fn grant(drive: &str) -> io::Result<Grant> {
    let part = |name: &str| variable(&format!("KEYSIEVE_{drive}_{name}"));
    let access = part("ACCESS_TOKEN");
    let refresh = if access.is_none() { part("REFRESH_TOKEN") } else { None };
    if access.is_none() && refresh.is_none() {
        let message = format!(
            "no credentials: set KEYSIEVE_{drive}_ACCESS_TOKEN, or KEYSIEVE_{drive}_REFRESH_TOKEN with _CLIENT_ID and \
             _CLIENT_SECRET"
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(Grant { access, refresh, client_id: part("CLIENT_ID"), client_secret: part("CLIENT_SECRET") })
}

fn onedrive() -> io::Result<Operator> {
    let grant = grant("ONEDRIVE")?;
    let mut builder = Onedrive::default();
    if let Some(token) = &grant.access {
        builder = builder.access_token(token);
    }
    if let Some(token) = &grant.refresh {
        builder = builder
            .refresh_token(token)
            .client_id(grant.client_id.as_deref().unwrap_or_default())
            .client_secret(grant.client_secret.as_deref().unwrap_or_default());
    }
    Operator::new(builder).map_err(|error| of(&error))
}

fn google_drive() -> io::Result<Operator> {
    let grant = grant("GDRIVE")?;
    let mut builder = Gdrive::default();
    if let Some(token) = &grant.access {
        builder = builder.access_token(token);
    }
    if let Some(token) = &grant.refresh {
        builder = builder
            .refresh_token(token)
            .client_id(grant.client_id.as_deref().unwrap_or_default())
            .client_secret(grant.client_secret.as_deref().unwrap_or_default());
    }
    Operator::new(builder).map_err(|error| of(&error))
}

/// A share or drive.
#[derive(Debug)]
struct Drive {
    operator: Operator,
    identity: String,
}

impl Store for Drive {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Item>> {
        let operator = self.operator.clone();
        let way = if folder.is_empty() { "/".to_owned() } else { format!("{folder}/") };
        let inner = way.trim_start_matches('/').to_owned();
        wait(async move {
            let mut lister = operator.lister(&way).await.map_err(|error| of(&error))?;
            let mut items = Vec::new();
            while let Some(entry) = lister.try_next().await.map_err(|error| of(&error))? {
                items.extend(item(&inner, entry.path(), entry.metadata()));
            }
            Ok(items)
        })
    }

    fn look(&self, key: &str) -> io::Result<Option<Known>> {
        let (operator, key) = (self.operator.clone(), key.to_owned());
        wait(async move {
            match operator.stat(&key).await {
                Ok(meta) if meta.is_file() => Ok(Some(known(&meta))),
                Ok(_) => Ok(None),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {
                    Ok(None)
                }
                Err(error) => Err(of(&error)),
            }
        })
    }

    fn read(&self, key: &str, _: &Known, range: Range<u64>) -> io::Result<Vec<u8>> {
        let (operator, key) = (self.operator.clone(), key.to_owned());
        wait(async move {
            let bytes = operator.read_with(&key).range(range).await.map_err(|error| of(&error))?;
            Ok(bytes.to_vec())
        })
    }
}

/// An entry of a listing; `None` for the folder itself, which some servers list as well.
fn item(folder: &str, path: &str, meta: &Metadata) -> Option<Item> {
    let rest = path.trim_start_matches('/');
    let name = rest.strip_prefix(folder).unwrap_or(rest).trim_end_matches('/');
    let trouble = match name {
        "" => return None,
        "." | ".." => Some("a name that leads elsewhere".to_owned()),
        name if name.contains('/') => Some("a name with a slash in it".to_owned()),
        _ => None,
    };
    let kind = match meta.mode() {
        _ if trouble.is_some() => EntryKind::File,
        EntryMode::FILE => EntryKind::File,
        EntryMode::DIR => EntryKind::Folder,
        EntryMode::Unknown => EntryKind::Link, // over SFTP; nothing else has one
    };
    Some(Item { name: name.to_owned(), kind, known: known(meta), trouble })
}

fn known(meta: &Metadata) -> Known {
    let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).ok();
    let modified = meta.last_modified().and_then(|time| since(time.into()));
    let modified = modified.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
    let tag = meta.etag().or(meta.version()).map(str::to_owned);
    Known { size: meta.content_length(), modified, tag }
}

fn of(error: &Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::NotFound => io::ErrorKind::NotFound,
        ErrorKind::PermissionDenied => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    told(kind, error)
}
