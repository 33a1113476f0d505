//! Signatures of what the detectors without a vendor's file find: fields, structure, randomness.

use crate::finding::{Kind, LifetimeClass, Severity};
use crate::signature::{Signature, Vendor};

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
        positive: &[],
        negative: &[],
    }
}

const fn of(vendor: &'static Vendor, signature: Signature) -> Signature {
    Signature { vendor: Some(vendor), ..signature }
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
/// A JSON web token whose issuer has no entry below.
pub static JWT: Signature =
    generic("jwt", "JSON web token", Kind::SessionToken, Severity::Medium, LifetimeClass::Unknown, IN_TOKEN);

static N8N: Vendor = Vendor {
    id: "n8n",
    name: "n8n",
    source: "https://docs.n8n.io/api/authentication/",
    revoke: "Settings > n8n API > delete the key",
};
static SUPABASE: Vendor = Vendor {
    id: "supabase",
    name: "Supabase",
    source: "https://supabase.com/docs/guides/api/api-keys",
    revoke: "https://supabase.com/dashboard/project/_/settings/api-keys",
};
static CALENDLY: Vendor = Vendor {
    id: "calendly",
    name: "Calendly",
    source: "https://developer.calendly.com/how-to-authenticate-with-personal-access-tokens",
    revoke: "https://calendly.com/integrations/api_webhooks",
};
static MONDAY: Vendor = Vendor {
    id: "monday",
    name: "monday.com",
    source: "https://developer.monday.com/api-reference/docs/authentication",
    revoke: "Avatar > Developers > API token > Regenerate",
};

static N8N_KEY: Signature = of(
    &N8N,
    generic(
        "n8n-api-key",
        "n8n public API key",
        Kind::ApiKey,
        Severity::High,
        LifetimeClass::LongLived,
        "vendor: no expiry unless one was chosen",
    ),
);
static SUPABASE_SERVICE: Signature = of(
    &SUPABASE,
    generic(
        "supabase-service-role-key",
        "Supabase service_role key",
        Kind::ApiKey,
        Severity::Critical,
        LifetimeClass::LongLived,
        IN_TOKEN,
    ),
);
static SUPABASE_ANON: Signature = Signature {
    public: true,
    ..of(
        &SUPABASE,
        generic(
            "supabase-anon-key",
            "Supabase anon key (public by design)",
            Kind::ApiKey,
            Severity::Info,
            LifetimeClass::LongLived,
            IN_TOKEN,
        ),
    )
};
static CALENDLY_TOKEN: Signature = of(
    &CALENDLY,
    generic(
        "calendly-personal-access-token",
        "Calendly personal access token",
        Kind::ApiKey,
        Severity::High,
        LifetimeClass::LongLived,
        "vendor: no expiry",
    ),
);
static MONDAY_TOKEN: Signature = of(
    &MONDAY,
    generic(
        "monday-api-token",
        "monday.com API token",
        Kind::ApiKey,
        Severity::High,
        LifetimeClass::LongLived,
        "vendor: no expiry",
    ),
);

/// Which claims make a JSON web token a vendor's: all of them must be in its payload. An empty value means that the
/// claim must be there. Sources: the vendors' pages above; the claims were read in public tokens' payloads.
pub static JWT_CLAIMS: &[(&[(&str, &str)], &Signature)] = &[
    (&[("iss", "n8n"), ("aud", "public-api")], &N8N_KEY),
    (&[("iss", "supabase"), ("role", "service_role")], &SUPABASE_SERVICE),
    (&[("iss", "supabase"), ("role", "anon")], &SUPABASE_ANON),
    (&[("iss", "https://auth.calendly.com")], &CALENDLY_TOKEN),
    (&[("tid", ""), ("uid", ""), ("actid", ""), ("rgn", "")], &MONDAY_TOKEN),
];

/// Every signature of this file, for listings.
pub static ALL: &[&Signature] = &[
    &ACCESS_TOKEN,
    &API_KEY,
    &BASIC,
    &BEARER,
    &CALENDLY_TOKEN,
    &CLIENT_SECRET,
    &CONNECTION_KEY,
    &CONNECTION_PASSWORD,
    &COOKIE,
    &ENCRYPTED_PRIVATE_KEY,
    &JWT,
    &JAVA_KEYSTORE,
    &PKCS12,
    &MONDAY_TOKEN,
    &N8N_KEY,
    &PASSWORD_FIELD,
    &PRIVATE_KEY,
    &RANDOM,
    &REFRESH_TOKEN,
    &SUPABASE_ANON,
    &SUPABASE_SERVICE,
    &URL_PASSWORD,
];
