//! The terms of the field as closed lists: how bad, how sure, which kind, how long it lives, how it is stored, how it was
//! encoded. Each has the names that reports and data files use. Imports no other room.

macro_rules! names {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$doc])* $variant),+ }

        impl $type {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in reports and in data files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The value of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

names! {
    /// How bad it is if it is a secret.
    Severity {
        /// Public by design, or of no use.
        Info = "info",
        /// Of little use, short-lived or expired.
        Low = "low",
        /// Narrow or read-only access.
        Medium = "medium",
        /// Acts for a person or an organisation.
        High = "high",
        /// Money, the root of a cloud, the code or data of many.
        Critical = "critical",
    }
}

names! {
    /// How sure it is that it is a secret.
    Confidence {
        /// A guess by its surroundings.
        Low = "low",
        /// A telling name or shape.
        Medium = "medium",
        /// A vendor's own shape, or a right checksum.
        High = "high",
    }
}

names! {
    /// What kind of credential it is.
    Kind {
        /// A key or token that a program presents.
        ApiKey = "api-key",
        /// The secret of an OAuth client.
        OauthSecret = "oauth-secret",
        /// A token that buys other tokens.
        RefreshToken = "refresh-token",
        /// An access token or cookie of a session.
        SessionToken = "session-token",
        /// A password.
        Password = "password",
        /// A private key.
        PrivateKey = "private-key",
        /// A certificate with its key.
        Certificate = "certificate",
        /// A connection string with a password or key.
        ConnectionString = "connection-string",
        /// An address that takes requests from whoever knows it.
        WebhookUrl = "webhook-url",
        /// An address signed for whoever holds it.
        SignedUrl = "signed-url",
        /// A key that opens other secrets.
        EncryptionKey = "encryption-key",
        /// A file that holds keys.
        Keystore = "keystore",
    }
}

names! {
    /// How long it lives.
    LifetimeClass {
        /// No expiry by default.
        LongLived = "long-lived",
        /// Ends at a date, known or not.
        Expiring = "expiring",
        /// At most a day by its format.
        ShortLived = "short-lived",
        /// The date has passed, or the vendor switched this kind off.
        Expired = "expired",
        /// Nothing tells.
        Unknown = "unknown",
    }
}

names! {
    /// Where in a flow the credential stands.
    Storage {
        /// A literal in a step.
        HardCoded = "hard-coded",
        /// The platform's variable store that is not secret.
        PlainConfig = "plain-config",
        /// The address of a trigger.
        TriggerUrl = "trigger-url",
        /// Pinned data, run history.
        RunData = "run-data",
        /// Comments, sticky notes, descriptions.
        Note = "note",
        /// Messages, pages, mails, sheets, plain files.
        Document = "document",
        /// Code.
        Code = "code",
        /// Encrypted, with its key in the same dump.
        Encrypted = "encrypted",
    }
}

names! {
    /// One decoding step that a layer stands for.
    Encoding {
        /// UTF-16, little-endian.
        Utf16Le = "utf-16le",
        /// UTF-16, big-endian.
        Utf16Be = "utf-16be",
        /// The escapes of a JSON string.
        JsonString = "json-string",
        /// Percent-encoding.
        Percent = "percent",
        /// Tags and entities of XML or HTML.
        Markup = "markup",
        /// Base64, either alphabet.
        Base64 = "base64",
        /// Base32, either case.
        Base32 = "base32",
        /// Two hexadecimal digits a byte.
        Hex = "hex",
        /// Deflate, in gzip, in zlib or as it is.
        Deflate = "deflate",
        /// The escapes of a string in program code.
        CodeString = "code-string",
        /// Character references of XML and HTML.
        Entities = "entities",
        /// Quoted-printable.
        QuotedPrintable = "quoted-printable",
        /// Strings that code puts together.
        Concatenation = "concatenation",
        /// Characters by their numbers.
        CharacterCodes = "character-codes",
        /// UTF-32, little-endian.
        Utf32Le = "utf-32le",
        /// UTF-32, big-endian.
        Utf32Be = "utf-32be",
        /// A code page of one or two bytes a character, as the document declares it.
        CodePage = "code-page",
    }
}

names! {
    /// How a platform tells a reference from text in one value.
    Notation {
        /// n8n: a value that begins with `=` is an expression, in which `{{ … }}` is evaluated.
        N8n = "n8n",
        /// Power Automate and Logic Apps: a value that begins with `@` is an expression; in others `@{ … }` is.
        Workflow = "workflow",
        /// A value is a reference as a whole or not at all.
        Whole = "whole",
    }
}

names! {
    /// What a reference needs beside it in the export.
    Adds {
        /// Nothing.
        Nothing = "nothing",
        /// n8n: the step's authentication becomes a credential that sets a header, and the header parameter goes.
        HeaderAuth = "header-auth",
        /// n8n: the same with a query parameter.
        QueryAuth = "query-auth",
        /// A parameter of the flow's definition that is bound to an environment variable.
        Parameter = "parameter",
        /// A parameter of the workflow's definition that is a `securestring`.
        SecureParameter = "secure-parameter",
    }
}
