//! Addresses: what was typed → which store, and where in it.
//!
//! An address holds no credentials. One with a password in it is refused: it would stand in the history of the shell and
//! in the list of processes.

/// The kinds of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `s3://bucket/key`
    S3,
    /// `az://container/key`, Azure Blob Storage
    Azure,
    /// `gs://bucket/key`, Google Cloud Storage
    Google,
    /// `webdav://host/path`, with TLS
    WebDav,
    /// `webdav+http://host/path`, without
    WebDavPlain,
    /// `sftp://[user@]host[:port]/path`
    Sftp,
    /// `onedrive:///path`
    OneDrive,
    /// `gdrive:///path`
    GoogleDrive,
}

/// How the schemes are written.
const SCHEMES: [(&str, Scheme); 8] = [
    ("s3", Scheme::S3),
    ("az", Scheme::Azure),
    ("gs", Scheme::Google),
    ("webdav", Scheme::WebDav),
    ("webdav+http", Scheme::WebDavPlain),
    ("sftp", Scheme::Sftp),
    ("onedrive", Scheme::OneDrive),
    ("gdrive", Scheme::GoogleDrive),
];

/// A place in a store, as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    scheme: Scheme,
    host: String,
    key: String,
    shown: String,
}

/// Why an address is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(&'static str);

impl Address {
    /// Reads an address; `None` if the text is a path.
    pub fn parse(text: &str) -> Option<Result<Self, BadAddress>> {
        let (scheme, rest) = text.split_once("://")?;
        let (_, scheme) = SCHEMES.into_iter().find(|(name, _)| *name == scheme)?;
        Some(Self::of(scheme, rest, text))
    }

    fn of(scheme: Scheme, rest: &str, text: &str) -> Result<Self, BadAddress> {
        let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some((user, _)) = host.split_once('@')
            && (scheme != Scheme::Sftp || user.contains(':'))
        {
            return Err(BadAddress(
                "credentials are not taken from an address: they come from the environment or configuration files",
            ));
        }
        let has_host = !matches!(scheme, Scheme::OneDrive | Scheme::GoogleDrive);
        if has_host == host.is_empty() {
            return Err(BadAddress(match scheme {
                Scheme::OneDrive | Scheme::GoogleDrive => {
                    "expected three slashes and a path, as onedrive:///Folder"
                }
                Scheme::S3 | Scheme::Google => "expected a bucket, as s3://bucket/folder",
                Scheme::Azure => "expected a container, as az://container/folder",
                _ => "expected a host, as webdav://host/folder",
            }));
        }
        let is_url = matches!(scheme, Scheme::WebDav | Scheme::WebDavPlain | Scheme::Sftp);
        if is_url && key.contains(['?', '#']) {
            return Err(BadAddress("a query is no part of an address; write %3F for a question mark"));
        }
        let key = if is_url { percent_decoded(key) } else { Some(key.to_owned()) };
        let key = key.ok_or(BadAddress("what is percent-encoded in it is no text"))?;
        let key = key.trim_matches('/').to_owned();
        if key.split('/').any(|part| matches!(part, "." | "..")) || key.contains("//") {
            return Err(BadAddress("the path has an empty part, `.` or `..` in it"));
        }
        let shown = text.trim_end_matches('/');
        let shown = if shown.ends_with(':') { text } else { shown }.to_owned();
        Ok(Self { scheme, host: host.to_owned(), key, shown })
    }

    /// What kind of store it is.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The bucket, container or host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path in it, without slashes around it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The way it was typed, which reports show.
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Scheme, String, String, String) {
        let Address { scheme, host, key, shown } = Address::parse(text).unwrap().unwrap();
        (scheme, host, key, shown)
    }

    #[test]
    fn addresses_are_told_from_paths() {
        for path in ["a/b", "/srv/share", "C:\\x", "http://example.com/", "s3:/bucket", "-", ""] {
            assert_eq!(Address::parse(path), None, "{path}");
        }
        let own =
            |scheme, host: &str, key: &str, shown: &str| (scheme, host.into(), key.into(), shown.into());
        assert_eq!(parts("s3://b"), own(Scheme::S3, "b", "", "s3://b"));
        assert_eq!(parts("s3://b/a/c%20/"), own(Scheme::S3, "b", "a/c%20", "s3://b/a/c%20"));
        assert_eq!(
            parts("sftp://me@h:22/a%20b"),
            own(Scheme::Sftp, "me@h:22", "a b", "sftp://me@h:22/a%20b")
        );
        assert_eq!(parts("onedrive:///"), own(Scheme::OneDrive, "", "", "onedrive:///"));
        assert_eq!(parts("gdrive:///a/b"), own(Scheme::GoogleDrive, "", "a/b", "gdrive:///a/b"));
    }

    #[test]
    fn credentials_and_odd_ways_are_refused() {
        for text in [
            concat!("webdav://me", ":word@host/a"),
            "webdav://me@host/a",
            concat!("sftp://me", ":word@host/a"),
            "s3://",
            "s3:///a",
            "gdrive://a",
            "webdav://host/a?sig=1",
            "webdav://host/%ff",
            "webdav://host/%2",
            "s3://b/a/../c",
            "s3://b/a//c",
        ] {
            assert!(matches!(Address::parse(text), Some(Err(_))), "{text}");
        }
    }
}
