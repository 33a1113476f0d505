//! Servers that are started for a test on a free port of the loopback interface, and end with it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt};
use sha2::Sha256;
use tokio::runtime::Runtime;

/// A store with a place for the test in it.
pub(crate) trait Server {
    /// The address that keysieve is given.
    fn root(&self) -> String;

    /// Where it finds its credentials.
    fn environment(&self) -> Vec<(String, String)>;

    /// Puts something there.
    fn put(&self, name: &str, bytes: &[u8]);

    /// Takes it away.
    fn remove(&self, name: &str);
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a program is installed.
fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr()).expect("a port").port()
}

/// Starts a server and waits until it listens.
fn start(command: &mut Command, port: u16) -> Process {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let process = Process(child.expect("a process"));
    let until = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < until, "{command:?} does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    process
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
});

fn own(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

/// A bucket by `object_store` itself, for writing.
struct Bucket(Arc<dyn ObjectStore>);

impl Bucket {
    fn put(&self, name: &str, bytes: &[u8]) {
        let (store, path, bytes) = (self.0.clone(), key(name), bytes.to_vec());
        RUNTIME.block_on(async move { store.put(&path, bytes.into()).await }).expect("put");
    }

    fn remove(&self, name: &str) {
        RUNTIME.block_on(self.0.delete(&key(name))).expect("removed");
    }
}

fn key(name: &str) -> object_store::path::Path {
    object_store::path::Path::parse(format!("share/{name}")).expect("a key")
}

/// S3.
pub(crate) struct Moto {
    _process: Process,
    port: u16,
    bucket: Bucket,
}

impl Moto {
    pub(crate) fn start() -> Option<Self> {
        has("moto_server").then(|| {
            let port = free_port();
            let process = start(Command::new("moto_server").args(["-p", &port.to_string()]), port);
            put_plain(port, "/exports");
            LazyLock::force(&RUNTIME);
            let store = AmazonS3Builder::new()
                .with_endpoint(format!("http://127.0.0.1:{port}"))
                .with_allow_http(true)
                .with_bucket_name("exports")
                .with_region("us-east-1")
                .with_access_key_id("test")
                .with_secret_access_key("test")
                .build()
                .expect("a store");
            Self { _process: process, port, bucket: Bucket(Arc::new(store)) }
        })
    }
}

/// An empty PUT without any library.
fn put_plain(port: u16, path: &str) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connected");
    let head =
        format!("PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
}

impl Server for Moto {
    fn root(&self) -> String {
        "s3://exports/share".to_owned()
    }

    /// The key stands in the file of a profile, the rest in the environment.
    fn environment(&self) -> Vec<(String, String)> {
        vec![
            own("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            own("AWS_REGION", "us-east-1"),
            own("AWS_ACCESS_KEY_ID", "test"),
            own("AWS_SECRET_ACCESS_KEY", "test"),
        ]
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        self.bucket.put(name, bytes);
    }

    fn remove(&self, name: &str) {
        self.bucket.remove(name);
    }
}

/// Azure Blob Storage.
pub(crate) struct Azurite {
    _process: Option<Process>,
    _folder: tempfile::TempDir,
    port: u16,
    key: String,
    bucket: Bucket,
}

const ACCOUNT: &str = "account1";

impl Azurite {
    pub(crate) fn start() -> Option<Self> {
        has("azurite-blob").then(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let (port, key) = (free_port(), data_encoding::BASE64.encode(&[7; 64]));
            let mut command = Command::new("azurite-blob");
            command.args(["--blobPort", &port.to_string(), "--silent", "--skipApiVersionCheck"]);
            command.args(["--disableTelemetry", "--inMemoryPersistence"]);
            command.env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{key}")).current_dir(folder.path());
            let process = start(&mut command, port);
            make_container(port, &key);
            LazyLock::force(&RUNTIME);
            Self {
                _process: Some(process),
                _folder: folder,
                port,
                bucket: Bucket(container(port, &key)),
                key,
            }
        })
    }

    /// The same server, asked with a key that it does not know.
    pub(crate) fn with_wrong_key(&self) -> Self {
        let key = data_encoding::BASE64.encode(&[8; 64]);
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            _process: None,
            _folder: folder,
            port: self.port,
            bucket: Bucket(container(self.port, &key)),
            key,
        }
    }
}

fn container(port: u16, key: &str) -> Arc<dyn ObjectStore> {
    let store = MicrosoftAzureBuilder::new()
        .with_account(ACCOUNT)
        .with_access_key(key)
        .with_endpoint(format!("http://127.0.0.1:{port}/{ACCOUNT}"))
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_container_name("exports")
        .build();
    Arc::new(store.expect("a store"))
}

/// Makes the container with a signed request; `object_store` makes none.
/// <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>
fn make_container(port: u16, key: &str) {
    let date = "Mon, 23 Nov 2026 12:00:00 GMT";
    let headers = format!("x-ms-date:{date}\nx-ms-version:2021-10-04\n");
    let resource = format!("/{ACCOUNT}/{ACCOUNT}/exports\nrestype:container");
    let text = format!("PUT\n\n\n\n\n\n\n\n\n\n\n\n{headers}{resource}");
    let secret = data_encoding::BASE64.decode(key.as_bytes()).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).expect("a key");
    mac.update(text.as_bytes());
    let signature = data_encoding::BASE64.encode(&mac.finalize().into_bytes());
    let head = format!(
        "PUT /{ACCOUNT}/exports?restype=container HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nx-ms-date: {date}\r\n\
         x-ms-version: 2021-10-04\r\nAuthorization: SharedKey {ACCOUNT}:{signature}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connected");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

impl Server for Azurite {
    fn root(&self) -> String {
        "az://exports/share".to_owned()
    }

    fn environment(&self) -> Vec<(String, String)> {
        let connection = format!(
            "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={};BlobEndpoint=http://127.0.0.1:{}/{ACCOUNT};",
            self.key, self.port
        );
        vec![own("AZURE_STORAGE_CONNECTION_STRING", connection)]
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        self.bucket.put(name, bytes);
    }

    fn remove(&self, name: &str) {
        self.bucket.remove(name);
    }
}

/// A folder that a server serves.
struct Served(tempfile::TempDir);

impl Served {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join("share").join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
    }
}

/// WebDAV.
pub(crate) struct WebDav {
    _process: Process,
    served: Served,
    netrc: tempfile::NamedTempFile,
    port: u16,
}

impl WebDav {
    pub(crate) fn start() -> Option<Self> {
        has("rclone").then(|| {
            let (port, served) = (free_port(), Served::new());
            let mut command = Command::new("rclone");
            command.args([
                "serve",
                "webdav",
                "--config",
                "/dev/null",
                "--dir-cache-time",
                "0s",
                "--read-only",
            ]);
            command.args(["--addr", &format!("127.0.0.1:{port}"), "--user", "me", "--pass", "VALUE-1"]);
            let process = start(command.arg(served.0.path()), port);
            let netrc = tempfile::NamedTempFile::new().expect("a file");
            fs::write(netrc.path(), "machine 127.0.0.1 login me password VALUE-1\n").expect("written");
            Self { _process: process, served, netrc, port }
        })
    }
}

impl Server for WebDav {
    fn root(&self) -> String {
        format!("webdav+http://127.0.0.1:{}/share", self.port)
    }

    fn environment(&self) -> Vec<(String, String)> {
        vec![own("NETRC", self.netrc.path().to_str().expect("UTF-8"))]
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        self.served.put(name, bytes);
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.served.at(name)).expect("removed");
    }
}

/// SFTP, by this machine's ssh with a configuration of the test's own.
pub(crate) struct Sftp {
    _process: Process,
    served: Served,
    keys: tempfile::TempDir,
    port: u16,
}

impl Sftp {
    pub(crate) fn start() -> Option<Self> {
        (has("rclone") && has("ssh") && has("ssh-keygen")).then(|| {
            let (port, served) = (free_port(), Served::new());
            let keys = tempfile::tempdir().expect("a folder");
            let at = |name: &str| keys.path().join(name);
            for name in ["host", "me"] {
                let call = ["-q", "-t", "ed25519", "-N", "", "-f"];
                let made = Command::new("ssh-keygen").args(call).arg(at(name)).status();
                assert!(made.is_ok_and(|status| status.success()));
            }
            let host = fs::read_to_string(at("host.pub")).expect("read");
            fs::write(at("known"), format!("[127.0.0.1]:{port} {host}")).expect("written");
            let ssh = program("ssh");
            let wrapper = format!(
                "#!/bin/sh\nexec {} -F none -o UserKnownHostsFile={} -o IdentityFile={} -o IdentitiesOnly=yes \"$@\"\n",
                ssh.display(),
                at("known").display(),
                at("me").display()
            );
            fs::create_dir(at("bin")).expect("made");
            fs::write(at("bin/ssh"), wrapper).expect("written");
            let made = Command::new("chmod").arg("755").arg(at("bin/ssh")).status();
            assert!(made.is_ok_and(|status| status.success()));
            let mut command = Command::new("rclone");
            command.args(["serve", "sftp", "--config", "/dev/null", "--dir-cache-time", "0s", "--read-only"]);
            command.args(["--addr", &format!("127.0.0.1:{port}"), "--user", "me"]);
            command.arg("--key").arg(at("host")).arg("--authorized-keys").arg(at("me.pub"));
            let process = start(command.arg(served.0.path()), port);
            Self { _process: process, served, keys, port }
        })
    }
}

fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.expect("installed")
}

impl Server for Sftp {
    fn root(&self) -> String {
        format!("sftp://me@127.0.0.1:{}/share", self.port)
    }

    fn environment(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.keys.path().join("bin");
        vec![own("PATH", format!("{}:{path}", bin.display()))]
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        self.served.put(name, bytes);
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.served.at(name)).expect("removed");
    }
}

/// SMB.
pub(crate) struct Smb {
    _process: Process,
    _folder: tempfile::TempDir,
    port: u16,
}

impl Smb {
    pub(crate) fn start(share: &Path) -> Option<Self> {
        let smbd = ["smbd", "/usr/sbin/smbd"].into_iter().find(|it| has(it) || Path::new(it).is_file())?;
        has("smbclient").then(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let (port, at) = (free_port(), folder.path().display());
            let configuration = format!(
                "[global]\nsmb ports = {port}\nbind interfaces only = yes\ninterfaces = lo\nmap to guest = Bad User\n\
                 guest account = {}\nserver role = standalone server\ndisable netbios = yes\nprivate dir = {at}\n\
                 state directory = {at}\ncache directory = {at}\nlock directory = {at}\npid directory = {at}\n\
                 ncalrpc dir = {at}/rpc\nload printers = no\nprinting = bsd\nlog file = {at}/log\n\
                 [share]\npath = {}\nread only = yes\nguest ok = yes\n",
                user(),
                share.display()
            );
            let file = folder.path().join("smb.conf");
            fs::write(&file, configuration).expect("written");
            let mut command = Command::new(smbd);
            command.args(["--foreground", "--no-process-group", "--configfile"]).arg(&file);
            Self { _process: start(&mut command, port), _folder: folder, port }
        })
    }

    /// Pulls all of the share as a tar, and has standard input scanned.
    pub(crate) fn pull_and_scan(&self) -> Vec<u8> {
        let mut pull = Command::new("smbclient");
        pull.args(["//127.0.0.1/share", "-N", "-p", &self.port.to_string(), "-Tc", "-"]);
        let mut pull = pull.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("smbclient");
        let pulled = pull.stdout.take().expect("a pipe");
        let scan = Command::new(env!("CARGO_BIN_EXE_keysieve"))
            .args(["scan", "-", "--format", "json"])
            .stdin(pulled)
            .output();
        let _ = pull.wait();
        scan.expect("a scan").stdout
    }
}

/// Who runs the test: files of the test are his.
fn user() -> String {
    let name = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8_lossy(&name.stdout).trim().to_owned()
}

/// Stands between keysieve and a server, and counts the bytes that come back.
pub(crate) struct Counting<'a> {
    server: &'a Moto,
    port: u16,
    counted: Arc<AtomicU64>,
}

impl<'a> Counting<'a> {
    pub(crate) fn before(server: &'a Moto) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (counted, behind) = (Arc::new(AtomicU64::new(0)), server.port);
        let counter = counted.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counter = counter.clone();
                std::thread::spawn(move || relay(&client, behind, &counter));
            }
        });
        Self { server, port, counted }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }
}

fn relay(client: &TcpStream, behind: u16, counter: &AtomicU64) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, behind)) else { return };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut from, mut to) = (client, &server);
            let _ = std::io::copy(&mut from, &mut to);
            let _ = server.shutdown(Shutdown::Write);
        });
        let (mut from, mut to) = (&server, client);
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            counter.fetch_add(read as u64, Ordering::Relaxed);
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
    });
}

impl Server for Counting<'_> {
    fn root(&self) -> String {
        self.server.root()
    }

    fn environment(&self) -> Vec<(String, String)> {
        let endpoint = own("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port));
        self.server
            .environment()
            .into_iter()
            .filter(|(name, _)| *name != endpoint.0)
            .chain([endpoint.clone()])
            .collect()
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        self.server.put(name, bytes);
    }

    fn remove(&self, name: &str) {
        self.server.remove(name);
    }
}
