//! Source: where bytes come from. The only room that reads files.
