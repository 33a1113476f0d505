//! Signatures of what the detectors without a vendor's file find: fields, structure, randomness.

use crate::finding::{Kind, LifetimeClass, Severity};
use crate::signature::Signature;

const fn generic(
    id: &'static str,
    description: &'static str,
    kind: Kind,
    severity: Severity,
    lifetime: LifetimeClass,
    evidence: &'static str,
) -> Signature {
    Signature {
        id,
        vendor: None,
        description,
        kind,
        severity,
        lifetime,
        evidence,
        public: false,
        shapes: &[],
        pattern: None,
        keywords: &[],
        check: None,
        random_bits: 0,
        hosts: &[],
        names: &[],
        parts: &[],
        claims: &[],
        positive: &[],
        negative: &[],
    }
}

const NOTHING: &str = "nothing in the value says how long it lives";
const PASSWORD: &str = "passwords live until they are changed";
const IN_TOKEN: &str = "stands in the token";

/// A key, token or secret under a telling name.
pub static API_KEY: Signature = generic(
    "generic-api-key",
    "API key or token under a telling name",
    Kind::ApiKey,
    Severity::High,
    LifetimeClass::Unknown,
    NOTHING,
);
/// The same named as a client's secret.
pub static CLIENT_SECRET: Signature = generic(
    "generic-client-secret",
    "Client secret",
    Kind::OauthSecret,
    Severity::High,
    LifetimeClass::LongLived,
    "client secrets live until they are rotated",
);
/// A refresh token under its name.
pub static REFRESH_TOKEN: Signature = generic(
    "generic-refresh-token",
    "OAuth refresh token",
    Kind::RefreshToken,
    Severity::High,
    LifetimeClass::LongLived,
    "refresh tokens live until they are revoked",
);
/// An access token under its name.
pub static ACCESS_TOKEN: Signature = generic(
    "generic-access-token",
    "Access token",
    Kind::SessionToken,
    Severity::Medium,
    LifetimeClass::Unknown,
    NOTHING,
);
/// A value after `Bearer` and the like.
pub static BEARER: Signature = generic(
    "generic-bearer-token",
    "Token in an Authorization header",
    Kind::ApiKey,
    Severity::High,
    LifetimeClass::Unknown,
    NOTHING,
);
/// A cookie header.
pub static COOKIE: Signature = generic(
    "generic-cookie",
    "Session cookie",
    Kind::SessionToken,
    Severity::Medium,
    LifetimeClass::Unknown,
    NOTHING,
);
/// A random value under a name that only hints.
pub static RANDOM: Signature = generic(
    "generic-random-value",
    "Random value under a name such as key or code",
    Kind::ApiKey,
    Severity::Medium,
    LifetimeClass::Unknown,
    NOTHING,
);
/// A password under its name.
pub static PASSWORD_FIELD: Signature = generic(
    "password-in-field",
    "Password",
    Kind::Password,
    Severity::High,
    LifetimeClass::LongLived,
    PASSWORD,
);
/// `user:password@` in a URL.
pub static URL_PASSWORD: Signature = generic(
    "password-in-url",
    "Password in a URL",
    Kind::Password,
    Severity::High,
    LifetimeClass::LongLived,
    PASSWORD,
);
/// A password in a connection string.
pub static CONNECTION_PASSWORD: Signature = generic(
    "connection-string-password",
    "Password in a connection string",
    Kind::ConnectionString,
    Severity::High,
    LifetimeClass::LongLived,
    PASSWORD,
);
/// A key in a connection string.
pub static CONNECTION_KEY: Signature = generic(
    "connection-string-key",
    "Key in a connection string",
    Kind::ConnectionString,
    Severity::Critical,
    LifetimeClass::LongLived,
    "account and access keys live until they are regenerated",
);
/// `Authorization: Basic`.
pub static BASIC: Signature = generic(
    "basic-auth-password",
    "Password in a Basic Authorization header",
    Kind::Password,
    Severity::High,
    LifetimeClass::LongLived,
    PASSWORD,
);
/// A private key in PEM.
pub static PRIVATE_KEY: Signature = generic(
    "private-key",
    "Private key",
    Kind::PrivateKey,
    Severity::Critical,
    LifetimeClass::LongLived,
    "keys have no expiry of their own",
);
/// The same under a passphrase.
pub static ENCRYPTED_PRIVATE_KEY: Signature = generic(
    "private-key-encrypted",
    "Private key, encrypted with a passphrase",
    Kind::PrivateKey,
    Severity::Medium,
    LifetimeClass::LongLived,
    "keys have no expiry of their own",
);
/// A Java keystore with a key in it.
pub static JAVA_KEYSTORE: Signature = generic(
    "java-keystore",
    "Java keystore with a private key",
    Kind::Keystore,
    Severity::Medium,
    LifetimeClass::LongLived,
    "keys have no expiry of their own",
);
/// A PKCS#12 file.
pub static PKCS12: Signature = generic(
    "pkcs12-keystore",
    "PKCS#12 keystore (.p12, .pfx)",
    Kind::Keystore,
    Severity::Medium,
    LifetimeClass::LongLived,
    "keys have no expiry of their own",
);
/// A JSON web token that is no vendor's by its claims.
pub static JWT: Signature =
    generic("jwt", "JSON web token", Kind::SessionToken, Severity::Medium, LifetimeClass::Unknown, IN_TOKEN);

/// Every signature of this file, for listings.
pub static ALL: &[&Signature] = &[
    &ACCESS_TOKEN,
    &API_KEY,
    &BASIC,
    &BEARER,
    &CLIENT_SECRET,
    &CONNECTION_KEY,
    &CONNECTION_PASSWORD,
    &COOKIE,
    &ENCRYPTED_PRIVATE_KEY,
    &JWT,
    &JAVA_KEYSTORE,
    &PKCS12,
    &PASSWORD_FIELD,
    &PRIVATE_KEY,
    &RANDOM,
    &REFRESH_TOKEN,
    &URL_PASSWORD,
];
