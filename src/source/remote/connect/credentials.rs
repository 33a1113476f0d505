//! Credentials from where each service's own tools have them: the environment, and the files of `aws` and `curl`.
//!
//! What `object_store` finds itself (instance metadata, workload identity, application default credentials) is left to it.

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;

/// A variable that is set to something.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn home(file: &str) -> Option<PathBuf> {
    variable("HOME").or_else(|| variable("USERPROFILE")).map(|home| PathBuf::from(home).join(file))
}

/// What the profile of `aws` says, by names in lower case: from `~/.aws/config`, and over it `~/.aws/credentials`.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>
pub(super) fn aws_profile() -> HashMap<String, String> {
    let profile = variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let file = |name: &str, usual: &str| variable(name).map(PathBuf::from).or_else(|| home(usual));
    let read = |path: Option<PathBuf>| path.and_then(|path| std::fs::read_to_string(path).ok());
    let mut all = HashMap::new();
    if let Some(config) = read(file("AWS_CONFIG_FILE", ".aws/config")) {
        let section = if profile == "default" { profile.clone() } else { format!("profile {profile}") };
        all.extend(section_of(&config, &section));
    }
    if let Some(credentials) = read(file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")) {
        all.extend(section_of(&credentials, &profile));
    }
    all
}

fn section_of(text: &str, section: &str) -> HashMap<String, String> {
    let mut inside = false;
    let mut found = HashMap::new();
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name.trim() == section;
        } else if inside
            && !line.starts_with([' ', '\t', '#', ';'])
            && let Some((name, value)) = line.split_once('=')
        {
            found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

/// The fields of a connection string of Azure Storage: `Name=value;…`, names in lower case.
/// <https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string>
pub(super) fn azure_connection() -> HashMap<String, String> {
    let text = variable("AZURE_STORAGE_CONNECTION_STRING").unwrap_or_default();
    let field = |field: &str| {
        let (name, value) = field.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    text.split(';').filter_map(field).collect()
}

/// Who `~/.netrc` (or `NETRC`) says one is at a host: login and password, as `curl --netrc` reads it.
/// <https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html>
pub(super) fn netrc(host: &str) -> Option<(String, String)> {
    let path = variable("NETRC").map(PathBuf::from).or_else(|| home(".netrc"))?;
    login(&std::fs::read_to_string(path).ok()?, host)
}

fn login(text: &str, host: &str) -> Option<(String, String)> {
    let mut words = text.split_whitespace();
    let (mut inside, mut user, mut word) = (false, None, None);
    while let Some(next) = words.next() {
        match next {
            "machine" | "default" if inside => break,
            "machine" => inside = words.next() == Some(host),
            "default" => inside = true,
            "login" if inside => user = words.next(),
            "password" if inside => word = words.next(),
            _ => {}
        }
    }
    Some((user?.to_owned(), word?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_as_aws_reads_it() {
        let text = "[default]\nregion = eu-west-1\n# region = x\n\n[profile a]\nAWS_Access_Key_Id=VALUE-1\ns3 =\n  region = y\n";
        let of = |section: &str| section_of(text, section);
        assert_eq!(of("default").get("region").map(String::as_str), Some("eu-west-1"));
        assert_eq!(of("profile a").get("aws_access_key_id").map(String::as_str), Some("VALUE-1"));
        assert_eq!(of("profile a").get("region"), None, "belongs to what is around it");
        assert!(of("b").is_empty());
    }

    #[test]
    fn a_login_is_that_of_the_host() {
        let text = "machine a login me\npassword VALUE-1\nmachine b login you password VALUE-2\ndefault login any password VALUE-3";
        let of = |host| login(text, host).unwrap();
        assert_eq!(of("a"), ("me".to_owned(), "VALUE-1".to_owned()));
        assert_eq!(of("b"), ("you".to_owned(), "VALUE-2".to_owned()));
        assert_eq!(of("c"), ("any".to_owned(), "VALUE-3".to_owned()));
        assert_eq!(login("machine a login me", "a"), None);
    }
}
