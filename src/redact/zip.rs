//! Zips, and Power Query parts, which are a zip behind its length.

use super::package::Members;
use super::{Refusal, Work};
use crate::blob::{COMPANION_LIMIT, Provenance};
use crate::container::Zip;
use crate::source::Kept;

/// Parts of a signature over the archive: a change would break it. Sources: JAR File Specification ("Signed JAR File"),
/// OPC (ECMA-376-2 §13), NuGet ("Package Signatures Technical Specification"), App packages ("AppxSignature.p7x").
fn is_signature(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let in_meta = |ending: &str| lower.starts_with("meta-inf/") && lower.ends_with(ending);
    [".sf", ".rsa", ".dsa", ".ec"].into_iter().any(in_meta)
        || [".signature.p7s", "appxsignature.p7x"].contains(&lower.as_str())
        || lower.starts_with("_xmlsignatures/")
        || lower.starts_with("package/services/digital-signature/")
}

impl Work<'_> {
    /// The new bytes of a zip.
    pub(super) fn zip(
        &mut self,
        provenance: &Provenance,
        bytes: &[u8],
        depth: usize,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let budget = &self.scanner.budget;
        let (limit, members) = (budget.whole, budget.members);
        let Some(zip) = Zip::read(bytes, members) else {
            return Ok(self.leave(provenance, "its directory cannot be read, so it is not written"));
        };
        let names: Vec<String> = zip.names().map(|name| name.to_string()).collect();
        let read = |number: usize| zip.content(number, COMPANION_LIMIT).ok();
        let kept = Kept::default();
        let mut changed = Vec::new();
        for (number, name) in names.iter().enumerate().filter(|(_, name)| !name.ends_with('/')) {
            let place = provenance.entry(name.as_str());
            let content = match zip.content(number, limit) {
                Ok(content) if self.allowance.take(content.len() as u64) => content,
                Ok(_) => {
                    self.leave(&place, "the file unpacks to more than is written of one file").unwrap_or(());
                    continue;
                }
                Err(why) => {
                    self.leave(&place, why).unwrap_or(());
                    continue;
                }
            };
            let package = Members { names: &names, read: &read, kept: &kept, own: name };
            if let Some(content) = self.item(&place, &content, &package, depth + 1)? {
                changed.push((number, content));
            }
        }
        if changed.is_empty() {
            return Ok(None);
        }
        if names.iter().any(|name| is_signature(name)) {
            return Err(Refusal::new(
                provenance,
                "the archive is signed, and a change would break its signature",
            ));
        }
        zip.write(changed).map(Some).map_err(|why| Refusal::new(provenance, why))
    }

    /// The new bytes of a Power Query part ([MS-QDEFF] 2.2): version, length, a zip of that length, and what follows.
    pub(super) fn mashup(
        &mut self,
        provenance: &Provenance,
        bytes: &[u8],
        depth: usize,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let parts = || {
            let (version, rest) = bytes.split_first_chunk::<4>()?;
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (zip, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
            Some((version, zip, rest))
        };
        let Some((version, zip, rest)) = parts() else {
            return Ok(self.leave(provenance, "the Power Query part is damaged"));
        };
        let Some(zip) = self.zip(&provenance.entry("(package)"), zip, depth + 1)? else { return Ok(None) };
        // The permissions and the binding behind it hold a digest of the package only where a password of the user's binds it;
        // programs that open it make it anew (2.2, 2.7).
        let length = u32::try_from(zip.len()).map_err(|_| Refusal::new(provenance, "it grows too large"))?;
        Ok(Some([&version[..], &length.to_le_bytes(), &zip, rest].concat()))
    }
}
