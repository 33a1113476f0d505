//! PDF, written here object by object (ISO 32000-2, 7.5).

use keysieve::budget::Reason;

use super::{TOKEN, at, places, reasons, scan};
use crate::common::token;

/// A file of these objects, the first of which is the catalogue.
fn pdf(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut table = String::new();
    for (number, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", number + 1).bytes());
    }
    let (start, count) = (file.len(), objects.len() + 1);
    let table = format!("xref\n0 {count}\n0000000000 65535 f \n{table}");
    file.extend(format!("{table}trailer\n<< /Size {count} /Root 1 0 R {trailer}>>\n").bytes());
    file.extend(format!("startxref\n{start}\n%%EOF\n").bytes());
    file
}

fn stream(dict: &str, content: &str) -> String {
    format!("<< {dict} /Length {} >>\nstream\n{content}\nendstream", content.len())
}

/// Two pages: the second one shows `content` and has `annotation`.
fn pages(content: &str, annotation: &str, file: &str) -> Vec<u8> {
    pdf(
        &[
            "<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [(a) 7 0 R] >> >> >>"
                .to_owned(),
            "<< /Type /Pages /Count 2 /Kids [3 0 R 4 0 R] /MediaBox [0 0 600 800] \
             /Resources << /Font << /F 5 0 R >> >> >>"
                .to_owned(),
            "<< /Type /Page /Parent 2 0 R >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /Contents 6 0 R /Annots [8 0 R] >>".to_owned(),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
            stream("", content),
            "<< /Type /Filespec /F (a.txt) /EF << /F 9 0 R >> >>".to_owned(),
            format!("<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI ({annotation}) >> >>"),
            stream("/Type /EmbeddedFile", file),
        ],
        "",
    )
}

/// A token as a writer that kerns shows it: in pieces, with moves between them.
fn kerned(number: u64) -> String {
    let token = token(TOKEN, number);
    let pieces: Vec<String> =
        token.as_bytes().chunks(3).map(|piece| format!("({})", String::from_utf8_lossy(piece))).collect();
    format!("[{}] TJ", pieces.join(" -40 "))
}

#[test]
fn text_links_and_attachments() {
    // The third way of writing is one string for each glyph, each at a place of its own.
    let content = format!(
        "BT /F 12 Tf 72 700 Td (Some text.) Tj 0 -20 Td {} ET\nBT /F 12 Tf 1 0 0 1 72 600 Tm (Key:) Tj 60 0 Td {} ET",
        kerned(1),
        kerned(2),
    );
    let link = format!("https://example.org/?t={}", token(TOKEN, 3));
    let outcome = scan("a.pdf", pages(&content, &link, &format!("{}\n", token(TOKEN, 4))));
    let found = places(&outcome);
    assert_eq!(
        found,
        [
            at("(text): page 2", 1),
            at("(text): page 2", 2),
            at("(objects): page 2, link", 3),
            at("a.txt: ", 4),
        ]
    );
    assert_eq!(reasons(&outcome), []);
}

#[test]
fn what_is_damaged_or_encrypted_is_told() {
    let whole = pages("BT /F 12 Tf 72 700 Td (Some text.) Tj ET", "x", "y");
    assert_eq!(reasons(&scan("a.pdf", b"%PDF-1.7\nnothing of it")), [Reason::Corrupt]);
    // The table at the end is missing, and is made anew.
    let cut = &whole[..whole.len() - 120];
    assert_eq!(reasons(&scan("a.pdf", cut)), []);
    // Standard security handler, version 2: keys that no empty password opens (7.6.4).
    let key = "00".repeat(32);
    let encrypt = format!(
        "/Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <{key}> /U <{key}> >> /ID [<00> <00>] "
    );
    let objects =
        ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 0 /Kids [] >>"].map(str::to_owned);
    assert_eq!(reasons(&scan("a.pdf", pdf(&objects, &encrypt))), [Reason::Encrypted]);
}
