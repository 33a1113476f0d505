//! Why a credential where it stands matters, in one plain sentence, and in which words to name it: as data.

use crate::finding::{Finding, Kind, LifetimeClass, Storage};

/// What somebody can do who has a credential of that kind.
const KINDS: &[(Kind, &str)] = &[
    (Kind::ApiKey, "can use the service in your name, and you pay for it"),
    (Kind::OauthSecret, "can pretend to be your application towards everybody who trusts it"),
    (Kind::RefreshToken, "can get new access to the account again and again"),
    (Kind::SessionToken, "is logged in as the person or application that it belongs to"),
    (Kind::Password, "can log in with it"),
    (Kind::PrivateKey, "can pretend to be the holder of the key and read what was encrypted for it"),
    (Kind::Certificate, "can pretend to be the holder of the certificate"),
    (Kind::ConnectionString, "can reach the database or storage and read or change what is in it"),
    (Kind::WebhookUrl, "can send messages or start the flow as if they were you"),
    (Kind::SignedUrl, "can open what the link leads to, without logging in"),
    (Kind::EncryptionKey, "can read everything that was encrypted with it"),
    (Kind::Keystore, "has all keys that lie in it"),
];

/// Who gets it, by where it stands.
const STORAGES: &[(Storage, &str)] = &[
    (Storage::HardCoded, "Everybody who gets a copy of this flow gets this as well"),
    (
        Storage::PlainConfig,
        "It stands in a variable that is not secret, so everybody who can open the flow or gets a copy can read it",
    ),
    (
        Storage::TriggerUrl,
        "It is part of the address that starts the flow, and addresses end up in logs and mails",
    ),
    (Storage::RunData, "It was recorded during a run and travels along with the flow"),
    (Storage::Note, "It stands in a note, and notes are shown to everybody who can open the flow"),
    (Storage::Document, "Everybody who can open this file can read it"),
    (Storage::Code, "It stands in the code of the step, which everybody reads who gets a copy of the flow"),
    (Storage::Encrypted, "It is encrypted, but the key that opens it lies in the same export"),
];

/// What a credential is called that is no vendor's own.
const NAMES: &[(Kind, &str)] = &[
    (Kind::ApiKey, "A key or token"),
    (Kind::OauthSecret, "The secret of an application"),
    (Kind::RefreshToken, "A token that gets new access"),
    (Kind::SessionToken, "A token or cookie of somebody who is logged in"),
    (Kind::Password, "A password"),
    (Kind::PrivateKey, "A private key"),
    (Kind::Certificate, "A certificate with its private key"),
    (Kind::ConnectionString, "An address with the password in it"),
    (Kind::WebhookUrl, "An address that takes messages from everybody who knows it"),
    (Kind::SignedUrl, "A link that opens without logging in"),
    (Kind::EncryptionKey, "A key that opens other secrets"),
    (Kind::Keystore, "A file with private keys"),
];

/// What a finding is, without terms of the field: a vendor's credential has the vendor's name for it.
pub(super) fn name(finding: &Finding) -> &'static str {
    match finding.signature.vendor {
        Some(_) => finding.signature.description,
        None => find(NAMES, finding.signature.kind).unwrap_or(finding.signature.description),
    }
}

/// The sentence for a finding.
pub(super) fn sentence(finding: &Finding) -> String {
    let kind = find(KINDS, finding.signature.kind).unwrap_or("can use it");
    let storage = find(STORAGES, finding.storage).unwrap_or("Everybody who gets a copy can read it");
    let ends = match finding.lifetime.class {
        LifetimeClass::Expired => "; it has ended, so this is about cleaning up",
        LifetimeClass::ShortLived => "; it ends by itself within a day",
        _ => "",
    };
    format!("{storage}, and whoever has it {kind}{ends}.")
}

fn find<T: PartialEq + Copy>(table: &[(T, &'static str)], key: T) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == key).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_storage_has_its_words() {
        assert!(Kind::ALL.iter().all(|kind| find(KINDS, *kind).is_some()));
        assert!(Kind::ALL.iter().all(|kind| find(NAMES, *kind).is_some()));
        assert!(Storage::ALL.iter().all(|storage| find(STORAGES, *storage).is_some()));
    }
}
