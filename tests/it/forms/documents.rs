//! Documents, mail and data.

use data_encoding::BASE64;

use super::{Form, form};
use crate::containers::zip;

pub(super) const FORMS: &[Form] = &[
    form("docx, runs of a paragraph", "a.docx", |token| {
        docx(&[("word/document.xml", &word("document", &format!("<w:body><w:p/>{}</w:body>", runs(token))))])
    }),
    form("docx, cell of a table", "a.docx", |token| {
        let cells = format!("<w:tc><w:p/></w:tc><w:tc>{}</w:tc>", runs(token));
        let body = format!("<w:body><w:tbl><w:tr>{cells}</w:tr></w:tbl></w:body>");
        docx(&[("word/document.xml", &word("document", &body))])
    }),
    form("docx, deleted text", "a.docx", |token| {
        let deleted = format!("<w:p><w:del><w:r><w:delText>{token}</w:delText></w:r></w:del></w:p>");
        docx(&[("word/document.xml", &word("document", &format!("<w:body>{deleted}</w:body>")))])
    }),
    form("docx, comment", "a.docx", |token| {
        let comment = format!("<w:comment w:id=\"0\" w:author=\"A\">{}</w:comment>", runs(token));
        docx(&[
            ("word/document.xml", &word("document", "<w:body/>")),
            ("word/comments.xml", &word("comments", &comment)),
        ])
    }),
    form("docx, target of a link", "a.docx", |token| {
        let target = format!(
            "<Relationships><Relationship Id=\"r1\" TargetMode=\"External\" Target=\"https://h.example.org/?k={token}\"/></Relationships>"
        );
        docx(&[
            ("word/document.xml", &word("document", "<w:body/>")),
            ("word/_rels/document.xml.rels", &target),
        ])
    }),
    form("docx in a zip", "a.zip", |token| {
        let body = format!("<w:body>{}</w:body>", runs(token));
        zip(&[("notes.docx", &docx(&[("word/document.xml", &word("document", &body))]))])
    }),
    form("xlsx, cell of a sheet", "a.xlsx", |token| workbook(token, "")),
    form("xlsx, hidden sheet", "a.xlsx", |token| workbook(token, "state=\"hidden\"")),
    form("pptx, slide", "a.pptx", slides),
    form("OpenDocument text", "a.odt", |token| {
        let (left, right) = token.split_at(9);
        let content = format!(
            "<office:document-content xmlns:office=\"o\" xmlns:text=\"t\"><office:body><office:text><text:p>a</text:p>\
             <text:p>{left}<text:span>{right}</text:span></text:p></office:text></office:body></office:document-content>"
        );
        zip(&[("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", content.as_bytes())])
    }),
    form("HTML, split by tags", "a.html", |token| {
        let (left, right) = token.split_at(9);
        format!("<!DOCTYPE html><html><body><p>Key: <b>{left}</b>{right}</p></body></html>").into_bytes()
    }),
    form("HTML, comment", "a.html", |token| format!("<html><!-- {token} --></html>").into_bytes()),
    form("RTF, runs", "a.rtf", |token| {
        let (left, right) = token.split_at(9);
        format!("{{\\rtf1\\ansi Key: {{\\b {left}}}{right}\\par}}").into_bytes()
    }),
    form("PDF, kerned text", "a.pdf", |token| {
        let pieces: Vec<String> =
            token.as_bytes().chunks(3).map(|piece| format!("({})", String::from_utf8_lossy(piece))).collect();
        pdf(&format!("BT /F 8 Tf 20 700 Td [{}] TJ ET", pieces.join(" -40 ")))
    }),
    form("mail, quoted-printable with a soft break in the token", "a.eml", |token| {
        let (left, right) = token.split_at(9);
        mail("Content-Transfer-Encoding: quoted-printable\r\n", &format!("key=3D {left}=\r\n{right}\r\n"))
    }),
    form("mail, base64", "a.eml", |token| {
        let body = BASE64.encode(format!("The key is {token} for now.\n").as_bytes());
        mail("Content-Transfer-Encoding: base64\r\n", &format!("{}\r\n{}\r\n", &body[..24], &body[24..]))
    }),
    form("mail, attached zip", "a.eml", |token| {
        let packed = BASE64.encode(&zip(&[("keys.txt", token.as_bytes())]));
        mail(
            "Content-Type: multipart/mixed; boundary=\"b\"\r\n",
            &format!(
                "--b\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n--b\r\nContent-Type: application/zip; name=\"k.zip\"\r\n\
                 Content-Disposition: attachment; filename=\"k.zip\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{packed}\r\n--b--\r\n"
            ),
        )
    }),
    form("mailbox, second message", "a.mbox", |token| {
        format!(
            "From a@example.org Mon Nov 23 12:00:00 2026\nFrom: a@example.org\nSubject: 1\n\nhello\n\n\
             From a@example.org Mon Nov 23 12:00:01 2026\nFrom: a@example.org\nSubject: 2\n\nkey {token}\n"
        )
        .into_bytes()
    }),
    form("SQLite, row of a table", "a.sqlite", |token| {
        let mut database = rusqlite::Connection::open_in_memory().expect("a database");
        database.execute_batch("CREATE TABLE settings (name TEXT, api_key TEXT)").expect("a table");
        database.execute("INSERT INTO settings VALUES ('mail', ?1)", [token]).expect("a row");
        database.serialize(rusqlite::MAIN_DB).expect("its bytes").to_vec()
    }),
    form("SQLite, page of a table that was dropped", "a.sqlite", |token| {
        let mut database = rusqlite::Connection::open_in_memory().expect("a database");
        let sql = "PRAGMA secure_delete = off; CREATE TABLE settings (name TEXT, api_key TEXT)";
        database.execute_batch(sql).expect("a table");
        for row in 0..400 {
            let value = if row == 30 { token } else { "none" };
            database.execute("INSERT INTO settings VALUES ('mail', ?1)", [value]).expect("a row");
        }
        database.execute_batch("DROP TABLE settings").expect("it is there");
        database.serialize(rusqlite::MAIN_DB).expect("its bytes").to_vec()
    }),
    form("Outlook envelope (winmail.dat), attached file", "winmail.dat", |token| {
        let attribute = |level: u8, number: u32, data: &[u8]| {
            let sum = data.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
            let length = u32::try_from(data.len()).expect("a short one");
            [&[level][..], &number.to_le_bytes(), &length.to_le_bytes(), data, &sum.to_le_bytes()].concat()
        };
        let packed = zip(&[("keys.txt", token.as_bytes())]);
        let pieces =
            [(0x0006_9002, &[1; 14][..]), (0x0001_8010, b"keys.zip\0"), (0x0006_800f, packed.as_slice())];
        let attributes = pieces.map(|(number, data)| attribute(2, number, data)).concat();
        [&0x223e_9f78_u32.to_le_bytes()[..], &[1, 0], &attributes].concat()
    }),
    form("notebook of Jupyter", "a.ipynb", |token| {
        serde_json::json!({"nbformat": 4, "cells": [{"cell_type": "code", "source": [format!("key = \"{token}\"\n")], "outputs": []}]})
            .to_string()
            .into_bytes()
    }),
    form("CSV", "a.csv", |token| format!("name,api_key\nmail,{token}\n").into_bytes()),
    form("YAML", "a.yaml", |token| format!("mail:\n  api_key: {token}\n").into_bytes()),
    form("YAML, string over two lines", "a.yaml", |token| {
        let (left, right) = token.split_at(12);
        format!("mail:\n  api_key: \"{left}\\\n    {right}\"\n").into_bytes()
    }),
    form("TOML", "a.toml", |token| format!("[mail]\napi_key = \"{token}\"\n").into_bytes()),
    form("INI", "a.ini", |token| format!("[mail]\r\napi_key={token}\r\n").into_bytes()),
    form("property list", "a.plist", |token| {
        format!(
            "<?xml version=\"1.0\"?><plist><dict><key>apiKey</key><string>{token}</string></dict></plist>"
        )
        .into_bytes()
    }),
    form("property list, binary", "a.plist", |token| {
        // `{"apiKey": token}`: a dictionary of the objects 1 and 2, both strings of ASCII.
        let mut list = b"bplist00\xd1\x01\x02\x56apiKey\x5f\x10".to_vec();
        list.push(u8::try_from(token.len()).expect("a short one"));
        list.extend(token.bytes());
        let table = u8::try_from(list.len()).expect("a short one");
        list.extend([8, 11, 18, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 3]);
        list.extend([[0; 8], [0, 0, 0, 0, 0, 0, 0, table]].concat());
        list
    }),
    form("drawing (SVG), split by tags", "a.svg", |token| {
        let (left, right) = token.split_at(9);
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><text>{left}<tspan>{right}</tspan></text></svg>")
            .into_bytes()
    }),
    form("XML, CDATA", "a.xml", |token| {
        format!("<?xml version=\"1.0\"?><a><apiKey><![CDATA[{token}]]></apiKey></a>").into_bytes()
    }),
    form("HAR, header of a request", "a.har", |token| {
        let headers = serde_json::json!([{"name": "X-Api-Key", "value": token}]);
        let entry = serde_json::json!({"request": {"method": "GET", "url": "https://api.example.org/", "headers": headers}});
        serde_json::json!({"log": {"version": "1.2", "entries": [entry]}}).to_string().into_bytes()
    }),
    form("n8n, parameter of a step", "a.json", |token| {
        let header = serde_json::json!({"parameters": [{"name": "X-Api-Key", "value": token}]});
        let node = serde_json::json!({"id": "1", "name": "Call", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4,
            "position": [0, 0], "parameters": {"url": "https://api.example.org", "headerParameters": header}});
        serde_json::json!({"name": "Flow", "nodes": [node], "connections": {}}).to_string().into_bytes()
    }),
];

const W: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"";

/// A paragraph whose token is cut into two runs.
fn runs(token: &str) -> String {
    let (left, right) = token.split_at(9);
    format!("<w:p><w:r><w:t>{left}</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>{right}</w:t></w:r></w:p>")
}

fn word(root: &str, content: &str) -> String {
    format!("<?xml version=\"1.0\"?><w:{root} {W}>{content}</w:{root}>")
}

fn docx(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut members: Vec<(&str, &[u8])> = vec![("[Content_Types].xml", b"<Types/>")];
    members.extend(parts.iter().map(|(name, text)| (*name, text.as_bytes())));
    zip(&members)
}

/// A workbook whose second sheet, with these attributes, has the token in C2.
fn workbook(token: &str, state: &str) -> Vec<u8> {
    let r = "xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";
    let book = format!(
        "<workbook {r}><sheets><sheet name=\"Main\" sheetId=\"1\" r:id=\"r1\"/><sheet name=\"Keys\" sheetId=\"2\" {state} r:id=\"r2\"/></sheets></workbook>"
    );
    let links = "<Relationships><Relationship Id=\"r1\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"r2\" Target=\"worksheets/sheet2.xml\"/></Relationships>";
    let strings = format!("<sst><si><t>Mail</t></si><si><t>{token}</t></si></sst>");
    let sheet = "<worksheet><sheetData><row r=\"2\"><c r=\"B2\" t=\"s\"><v>0</v></c><c r=\"C2\" t=\"s\"><v>1</v></c></row></sheetData></worksheet>";
    docx(&[
        ("xl/workbook.xml", &book),
        ("xl/_rels/workbook.xml.rels", links),
        ("xl/sharedStrings.xml", &strings),
        ("xl/worksheets/sheet1.xml", "<worksheet><sheetData/></worksheet>"),
        ("xl/worksheets/sheet2.xml", sheet),
    ])
}

fn slides(token: &str) -> Vec<u8> {
    let (left, right) = token.split_at(9);
    let slide = format!(
        "<p:sld xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\" xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\">\
         <p:cSld><a:p><a:r><a:t>{left}</a:t></a:r><a:r><a:t>{right}</a:t></a:r></a:p></p:cSld></p:sld>"
    );
    let show = "<p:presentation xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\" \
                xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><p:sldIdLst><p:sldId id=\"256\" r:id=\"r1\"/></p:sldIdLst></p:presentation>";
    let links = "<Relationships><Relationship Id=\"r1\" Target=\"slides/slide1.xml\"/></Relationships>";
    docx(&[
        ("ppt/presentation.xml", show),
        ("ppt/_rels/presentation.xml.rels", links),
        ("ppt/slides/slide1.xml", &slide),
    ])
}

/// A page that shows `content` (ISO 32000-2, 7.5).
fn pdf(content: &str) -> Vec<u8> {
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Count 1 /Kids [3 0 R] /MediaBox [0 0 900 800] /Resources << /Font << /F 4 0 R >> >> >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /Contents 5 0 R >>".to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
    ];
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut table = String::new();
    for (number, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", number + 1).bytes());
    }
    let (start, count) = (file.len(), objects.len() + 1);
    file.extend(format!("xref\n0 {count}\n0000000000 65535 f \n{table}").bytes());
    file.extend(format!("trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").bytes());
    file
}

fn mail(headers: &str, body: &str) -> Vec<u8> {
    format!("From: a@example.org\r\nTo: b@example.org\r\nSubject: keys\r\nMIME-Version: 1.0\r\n{headers}\r\n{body}").into_bytes()
}
